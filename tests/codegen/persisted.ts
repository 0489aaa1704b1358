import type { CodegenConfig } from '@graphql-codegen/cli'

const config: CodegenConfig = {
  schema: './schema.graphql',
  documents: './client/*.ts',
  generates: {
    './client/generated/': { preset: 'client', presetConfig: { persistedDocuments: true } },
  },
}

export default config
