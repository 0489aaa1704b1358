// Writes a manifest with the tools of a client: node manifest.js apollo|relay|codegen <file>. Relay's artifacts are put
// beside it, in relay/__generated__.
import { execFileSync } from 'node:child_process'
import { cpSync, copyFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { idsOf } from './ids.js'

const here = dirname(fileURLToPath(import.meta.url))
const clients = dirname(here)
const program = (name) => join(clients, 'node_modules', '.bin', name)
const [tool, file] = process.argv.slice(2)
const folder = dirname(file)
const write = (name, content) => writeFileSync(join(folder, name), JSON.stringify(content))

const tools = {
  apollo() {
    write('config.json', { documents: ['trusted/documents.js'], output: file })
    execFileSync(program('generate-persisted-query-manifest'), ['--config', join(folder, 'config.json')], { cwd: clients })
  },
  relay() {
    cpSync(join(here, 'relay'), join(folder, 'relay'), { recursive: true })
    copyFileSync(join(clients, '..', '..', 'schema.graphql'), join(folder, 'schema.graphql'))
    symlinkSync(join(clients, 'node_modules'), join(folder, 'node_modules'))
    write('package.json', { type: 'module' })
    writeFileSync(file, '{}')
    const persistConfig = { file: `./${file.slice(folder.length + 1)}`, algorithm: 'MD5' }
    const language = { language: 'javascript', eagerEsModules: true }
    write('config.json', { src: './relay', schema: './schema.graphql', ...language, persistConfig })
    execFileSync(program('relay-compiler'), ['config.json'], { cwd: folder })
  },
  // What the client preset writes; tests/codegen runs the preset itself.
  codegen: () => writeFileSync(file, JSON.stringify(Object.fromEntries(idsOf().map(({ id, text }) => [id, text])))),
}

tools[tool]()
console.log('written')
