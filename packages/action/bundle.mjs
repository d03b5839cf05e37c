// Makes dist/: the action with everything it needs but ONNX Runtime, which is found or downloaded at run time.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'

const here = dirname(fileURLToPath(import.meta.url))
const entryOf = (name) => fileURLToPath(import.meta.resolve(name))
const cli = dirname(entryOf('@pare/cli'))

/** The plugins that come with the command line. */
const plugins = Object.keys(JSON.parse(readFileSync(join(cli, '../package.json'), 'utf8')).dependencies).filter((name) =>
  /^@pare\/(criterion|structure)-/.test(name),
)

/** Source by file in dist/. A TypeScript config may import `config.js` (as '@pare/cli') and the plugins. */
const files = {
  'main.mjs': join(here, 'src/main.ts'),
  'child.mjs': join(dirname(entryOf('@pare/evaluate')), 'child.js'),
  'config.js': join(cli, 'config.js'),
  ...Object.fromEntries(plugins.map((name) => [`plugins/${name.slice('@pare/'.length)}.mjs`, entryOf(name)])),
}

/** Bundles into `folder` and returns the names of the files. The same sources and node_modules give the same bytes. */
export async function bundle(folder) {
  for (const [file, input] of Object.entries(files)) {
    const build = await rolldown({
      input,
      cwd: here,
      platform: 'node',
      external: /^onnxruntime-/,
      // jiti loads its Babel at run time from its own folder; this entry has it inside.
      resolve: { alias: { jiti: 'jiti/static' } },
      plugins: [inlineVersions, resolveInside],
      onLog: (level, log, handle) => log.code === 'EVAL' || log.code === 'INVALID_ANNOTATION' || handle(level, log),
    })
    await build.write({
      file: join(folder, file),
      format: 'esm',
      codeSplitting: false,
      comments: { legal: false, annotation: false },
      // Names stay: they are in stack traces.
      minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
    })
    await build.close()
  }
  return Object.keys(files)
}

/** Our packages read their version from their package.json: in a bundle that file is another package's. */
const inlineVersions = {
  name: 'inline-versions',
  transform(code, id) {
    const read = "readFileSync(new URL('../package.json', import.meta.url), 'utf8')"
    if (!code.includes(read)) return null
    const { version } = JSON.parse(readFileSync(join(dirname(id), '../package.json'), 'utf8'))
    return code.replaceAll(read, JSON.stringify(JSON.stringify({ version })))
  },
}

/** What the command line looks for in node_modules lies beside the bundle. Node 24 needs no loader for data modules in TypeScript. */
const resolveInside = {
  name: 'resolve-inside',
  transform(code, id) {
    if (!id.startsWith(cli) || !code.includes('import.meta.resolve(')) return null
    const found = { 'jiti/register': 'data:text/javascript,' }
    for (const name of plugins) found[name] = `plugins/${name.slice('@pare/'.length)}.mjs`
    const table = `const bundled = ${JSON.stringify(found)};\n`
    const lookUp = 'const resolveBundled = (name) => new URL(bundled[name], import.meta.url).href;\n'
    return table + lookUp + code.replaceAll('import.meta.resolve(', 'resolveBundled(')
  },
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await bundle(join(here, 'dist'))
