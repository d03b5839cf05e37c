// node examples/browser/build.mjs [FOLDER]: bundles the page into a folder that any static server can show. Default: examples/browser/dist
import { cpSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const here = fileURLToPath(new URL('./', import.meta.url))
const target = resolve(process.argv[2] ?? join(here, 'dist'))
const bundle = await rolldown({
  input: join(here, 'page.js'),
  platform: 'browser',
  logLevel: 'warn',
})
await bundle.write({ dir: target, format: 'esm', minify: true, entryFileNames: 'page.js' })
await bundle.close()
cpSync(join(here, 'index.html'), join(target, 'index.html'))
