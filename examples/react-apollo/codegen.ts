import type { CodegenConfig } from '@graphql-codegen/cli'

const config: CodegenConfig = {
  schema: '../../schema.graphql',
  documents: 'src/**/*.tsx',
  generates: {
    'src/generated/': {
      preset: 'client',
      config: {
        scalars: {
          ByteSize: 'number',
          DateTime: 'string',
          EventCursor: 'string',
          JSON: 'unknown',
          URL: 'string',
          Upload: 'File',
        },
        strictScalars: true,
        useTypeImports: true,
      },
    },
    'src/generated/fragments.ts': { plugins: ['fragment-matcher'] },
  },
}

export default config
