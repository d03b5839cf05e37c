// node examples/browser/build.mjs [FOLDER]: bundles the page into a folder that any static server can show. Default: examples/browser/dist
import { cpSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const here = fileURLToPath(new URL('./', import.meta.url))
const target = resolve(process.argv[2] ?? join(here, 'dist'))
/** Modules of Node, with which @pare/onnx reads files: a page has bytes, and calls none of it. */
const withoutNode = {
  name: 'without-node',
  resolveId: (id) => (id.startsWith('node:') ? `\0${id}` : null),
  load: (id) => (id.startsWith('\0node:') ? 'module.exports = {}' : null),
}
const bundle = await rolldown({
  input: join(here, 'page.js'),
  platform: 'browser',
  plugins: [withoutNode],
  logLevel: 'warn',
})
await bundle.write({ dir: target, format: 'esm', minify: true, entryFileNames: 'page.js' })
await bundle.close()
cpSync(join(here, 'index.html'), join(target, 'index.html'))
