// Makes dist/: the action with everything it needs but ONNX Runtime, which is found or downloaded at run time.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'
import { licensesOf } from '../../scripts/licenses.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const entryOf = (name) => fileURLToPath(import.meta.resolve(name))
const cli = dirname(entryOf('@pare/cli'))

/** The plugins that come with the command line. */
const plugins = Object.keys(JSON.parse(readFileSync(join(cli, '../package.json'), 'utf8')).dependencies).filter((name) =>
  /^@pare\/(criterion|structure|preset)-/.test(name),
)

/** Libraries in files of their own, which change only when the library does; `jiti` is loaded only for a config in TypeScript. */
const apart = {
  // The plain entry of jiti loads its Babel at run time from its own folder; this one has it inside.
  './jiti.mjs': { packages: ['jiti'], code: "export * from 'jiti/static'" },
  './tables.mjs': {
    packages: ['hyparquet', 'hyparquet-compressors', '@uwdata/flechette', 'fzstd'],
    code: `export { parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
      export { compressors } from 'hyparquet-compressors'
      export { CompressionType, setCompressionCodec, tableFromIPC } from '@uwdata/flechette'
      export { Decompress } from 'fzstd'`,
  },
  './png.mjs': { packages: ['@cwasm/lodepng'], code: "export { decode } from '@cwasm/lodepng'" },
  './jpeg.mjs': { packages: ['@cwasm/jpeg-turbo'], code: "export { decode } from '@cwasm/jpeg-turbo'" },
  './webp.mjs': { packages: ['@cwasm/webp'], code: "export { decode } from '@cwasm/webp'" },
  './bmp.mjs': { packages: ['@cwasm/nsbmp'], code: "export { decode } from '@cwasm/nsbmp'" },
  './gif.mjs': { packages: ['@cwasm/nsgif'], code: "export { decode } from '@cwasm/nsgif'" },
  './jinja.mjs': { packages: ['@huggingface/jinja'], code: "export { Template } from '@huggingface/jinja'" },
  './toolkit.mjs': {
    packages: ['@actions/core', '@actions/artifact', '@actions/cache', '@actions/github', '@actions/tool-cache', 'tar'],
    code: `export * from '@actions/core'
      export { DefaultArtifactClient } from '@actions/artifact'
      export { isFeatureAvailable, restoreCache, saveCache } from '@actions/cache'
      export { getOctokit } from '@actions/github'
      export { downloadTool } from '@actions/tool-cache'
      export { x } from 'tar'`,
  },
}

/** Source by file in dist/. A TypeScript config may import `config.js` (as '@pare/cli') and the plugins. */
const files = {
  'main.mjs': join(here, 'src/main.ts'),
  'child.mjs': join(dirname(entryOf('@pare/evaluate')), 'child.js'),
  'retrain-child.mjs': join(dirname(entryOf('@pare/retrain')), 'child.js'),
  ...Object.fromEntries(Object.keys(apart).map((file) => [file.slice(2), file])),
  'config.js': join(cli, 'settings/config/config.js'),
  ...Object.fromEntries(plugins.map((name) => [`plugins/${name.slice('@pare/'.length)}.mjs`, entryOf(name)])),
}

/** Bundles into `folder` and writes the licences of all that is in it. The same sources and node_modules give the same bytes. */
export async function bundle(folder) {
  rmSync(folder, { recursive: true, force: true })
  const modules = new Set()
  for (const [file, input] of Object.entries(files)) {
    const build = await rolldown({
      input,
      cwd: here,
      platform: 'node',
      // Of ONNX Runtime only the class of its tensors is inside, for what is made without it.
      external: /^onnxruntime-(?!common$)/,
      plugins: [keepApart, inlineVersions, inlineWasm, resolveInside],
      onLog: (level, log, handle) => log.code === 'EVAL' || log.code === 'INVALID_ANNOTATION' || handle(level, log),
    })
    const { output } = await build.write({
      file: join(folder, file),
      format: 'esm',
      codeSplitting: false,
      comments: { legal: false, annotation: false },
      // Names stay: they are in stack traces.
      minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
    })
    await build.close()
    for (const path of output.flatMap((chunk) => chunk.moduleIds ?? [])) modules.add(path)
  }
  writeFileSync(join(folder, 'licenses.txt'), licensesOf(modules))
}

const keepApart = {
  name: 'keep-apart',
  resolveId(name, importer) {
    if (importer === undefined) return name in apart ? join(here, name) : null
    if (importer.includes('node_modules')) return null
    const file = Object.keys(apart).find((key) => apart[key].packages.includes(name) && importer !== join(here, key))
    return file === undefined ? null : { id: file, external: true }
  },
  load: (id) => Object.entries(apart).find(([file]) => join(here, file) === id)?.[1].code ?? null,
}

/** Our packages read their version from their package.json: in a bundle that file is another package's. */
const inlineVersions = {
  name: 'inline-versions',
  transform(code, id) {
    const read = /readFileSync\(new URL\('((?:\.\.\/)+package\.json)', import\.meta\.url\), 'utf8'\)/
    const [found, path] = read.exec(code) ?? []
    if (found === undefined) return null
    const { version } = JSON.parse(readFileSync(join(dirname(id), path), 'utf8'))
    return code.replaceAll(found, JSON.stringify(JSON.stringify({ version })))
  },
}

/** Decoders of images read their WebAssembly from beside them: in a bundle it is within. */
const inlineWasm = {
  name: 'inline-wasm',
  transform(code, id) {
    if (!id.includes('/@cwasm/')) return null
    return code.replace(/fs\.readFileSync\(path\.join\(__dirname, '([\w-]+\.wasm)'\)\)/, (_, file) => {
      const bytes = readFileSync(join(dirname(id), file)).toString('base64')
      return `Buffer.from(${JSON.stringify(bytes)}, 'base64')`
    })
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
