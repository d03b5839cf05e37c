// Run in a package after tsc: makes dist/child/ of dist/child.js, the entry of its child process. Such a process is started for each job of a model, and
// loading hundreds of files took longer than most jobs. The rest of dist stays as the compiler leaves it.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isAbsolute, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Libraries of many small files that every child loads. A package's other libraries stay where npm puts them: few jobs load them. */
const INSIDE = new Set(['zod'])
/** Ours that read files beside them. */
const OUTSIDE = new Set(['@pare/gpu', '@pare/sparse'])

/** Bundles the child of the package in `folder`, with the licences of all that is in it, and the hashes of what it was made of. */
export async function bundleChild(folder) {
  const { rolldown } = await import('rolldown')
  const { licensesOf } = await import('./licenses.mjs')
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const external = Object.keys(dependencies).filter((name) => (name.startsWith('@pare/') ? OUTSIDE.has(name) : !INSIDE.has(name)))
  const out = join(folder, 'dist/child')
  rmSync(out, { recursive: true, force: true })
  const build = await rolldown({
    input: join(folder, 'dist/child.js'),
    platform: 'node',
    external: (name) => external.some((one) => name === one || name.startsWith(`${one}/`)),
    plugins: [oneError],
  })
  const { output } = await build.write({ dir: out, format: 'esm', sourcemap: 'hidden', comments: { legal: false } })
  await build.close()
  const modules = new Set(output.flatMap(({ moduleIds = [] }) => moduleIds).filter((id) => isAbsolute(id)))
  writeFileSync(join(out, 'licenses.txt'), licensesOf(modules))
  const own = [...modules].filter((path) => !path.includes('node_modules')).sort()
  const hashes = Object.fromEntries(own.map((path) => [relative(folder, path).replaceAll('\\', '/'), hashOf(path)]))
  writeFileSync(join(out, 'sources.json'), `${JSON.stringify(hashes, null, 2)}\n`)
}

/** Errors of plugins are told from bugs by their class: there is one, whatever file they import it from. */
const oneError = {
  name: 'one-error',
  resolveId: (name, importer = '') =>
    name.endsWith('/error.js') && /[/\\]onnx[/\\]dist[/\\]/.test(importer) ? { id: '@pare/onnx/error', external: true } : null,
}

/** A file of which the child in `folder` was made, and which is another now; that of its hashes where it was not made. Undefined: none */
export function changedSource(folder) {
  if (!existsSync(join(folder, 'dist/child/sources.json'))) return 'dist/child/sources.json'
  const hashes = JSON.parse(readFileSync(join(folder, 'dist/child/sources.json'), 'utf8'))
  return Object.keys(hashes).find((path) => !existsSync(join(folder, path)) || hashOf(join(folder, path)) !== hashes[path])
}

function hashOf(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16)
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await bundleChild(process.cwd())
