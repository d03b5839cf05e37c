import { execFile } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { create } from 'tar'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { cachePlace, packageIn } from './find.js'
import { OnnxRuntimeError, onnxruntimeCommon, onnxruntimeNode, supportedPlatforms, thisPlatform } from './index.js'
import { isIntact } from './intact.js'
import { fill } from './unpack.js'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pare-onnxruntime-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** This package as a user's project has it installed, with `PARE_CACHE` beside it; runs a module there. */
async function inProject(code: string): Promise<string> {
  const modules = join(folder, 'project/node_modules')
  install('@pare/onnxruntime', modules)
  writeFileSync(join(folder, 'project/run.mjs'), code)
  const env = { ...process.env, PARE_CACHE: join(folder, 'cache'), NODE_PATH: '' }
  const { stdout } = await promisify(execFile)(process.execPath, ['run.mjs'], { cwd: join(folder, 'project'), env })
  return stdout.trim()
}

/** A package and what it depends on, side by side. */
function install(name: string, modules: string): void {
  if (existsSync(join(modules, name))) return
  const from = name.startsWith('@pare/') ? join(ROOT, 'packages', name.slice('@pare/'.length)) : join(ROOT, 'node_modules', name)
  const others = [join(from, 'node_modules'), join(from, 'src')]
  cpSync(from, join(modules, name), { recursive: true, dereference: true, filter: (path) => !others.includes(path) })
  const { dependencies = {} } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as { dependencies?: object }
  for (const dependency of Object.keys(dependencies)) install(dependency, modules)
}

it('the pinned packages are those of the lock file', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
  for (const { name, version, integrity } of [onnxruntimeNode, onnxruntimeCommon])
    expect(packages[`node_modules/${name}`]).toMatchObject({ version, integrity })
})

it.each(supportedPlatforms)('what is unpacked for %s is pinned', async (name) => {
  const [os, arch] = name.split('/') as [string, string]
  const source = join(ROOT, 'node_modules')
  const place = join(folder, 'place')
  const keep: Readonly<Record<string, RegExp>> = {
    'onnxruntime-common': /^(.*package\.json|dist\/(cjs|esm)\/.*\.js)$/,
    'onnxruntime-node': new RegExp(`^(package\\.json|dist/.*\\.js|bin/napi-v6/${os}/${arch}/.*)$`),
  }
  for (const [name, pattern] of Object.entries(keep)) {
    const files = readdirSync(join(source, name), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    for (const { parentPath, name: file } of files) {
      const path = relative(join(source, name), join(parentPath, file)).replaceAll('\\', '/')
      if (path.startsWith('node_modules/') || !pattern.test(path)) continue
      const target = join(place, 'node_modules', name, path)
      mkdirSync(dirname(target), { recursive: true })
      copyFileSync(join(parentPath, file), target)
    }
  }
  expect(isIntact(place, { os, arch })).toBe(true)
  expect(isIntact(place, { os, arch: 'other' })).toBe(false)
  writeFileSync(join(place, 'more'), '')
  expect(isIntact(place, { os, arch })).toBe(false)
})

it('a project with a recent onnxruntime-node uses that one, and one with an old one does not', async () => {
  const installed = join(folder, 'project/node_modules/onnxruntime-node')
  const { os, arch } = thisPlatform
  mkdirSync(join(installed, `bin/napi-v6/${os}/${arch}`), { recursive: true })
  writeFileSync(join(installed, `bin/napi-v6/${os}/${arch}/onnxruntime_binding.node`), '')
  const look = "import { findInstalled } from '@pare/onnxruntime'; console.log(findInstalled())"
  for (const [version, place] of [
    ['1.30.0', installed],
    ['1.31.2', installed],
    ['1.29.9', 'undefined'],
    ['2.0.0', 'undefined'],
    ['0.99.0', 'undefined'],
  ] as const) {
    writeFileSync(join(installed, 'package.json'), JSON.stringify({ name: 'onnxruntime-node', version }))
    await expect(inProject(look)).resolves.toBe(place)
  }
})

it('a project without one fetches it through npm, keeps this platform’s files, and does not fetch again', {
  timeout: 240_000,
}, async () => {
  const code = `import { loadOnnxRuntime, provideOnnxRuntime } from '@pare/onnxruntime'
    const said = []
    const folder = await provideOnnxRuntime({ onFetch: (what) => said.push(what) })
    const { Tensor, listSupportedBackends } = loadOnnxRuntime(folder)
    console.log(JSON.stringify({ folder, said, cpu: listSupportedBackends().some(({ name }) => name === 'cpu'), tensor: new Tensor(new Float32Array(2), [2]).dims }))`
  const first = JSON.parse(await inProject(code))
  const expected = packageIn(cachePlace(thisPlatform, { PARE_CACHE: join(folder, 'cache') }))
  expect(first).toMatchObject({ folder: expected, cpu: true, tensor: [2] })
  expect(first.said).toEqual([expect.stringContaining('fetching ONNX Runtime 1.30.0')])
  expect(readdirSync(join(expected, 'bin/napi-v6'))).toEqual([thisPlatform.os])
  expect(readdirSync(join(folder, 'cache/onnxruntime/1.30.0'))).toEqual([`${thisPlatform.os}-${thisPlatform.arch}`])
  expect(JSON.parse(await inProject(code)).said).toEqual([])
  const manifest = join(expected, 'package.json')
  writeFileSync(manifest, `${readFileSync(manifest, 'utf8')} `)
  expect(JSON.parse(await inProject(code)).said).toEqual([expect.stringContaining('holds other bytes than were published')])
})

it('what the registry serves is not unpacked where its hash is another one, and nothing stays behind', async () => {
  const place = join(folder, 'place')
  const fetch = async (_: unknown, to: string) => {
    writeFileSync(join(to, 'evil.js'), 'throw new Error()')
    await create({ file: join(to, 'other.tgz'), cwd: to, gzip: true, prefix: 'package' }, ['evil.js'])
    return join(to, 'other.tgz')
  }
  const filled = fill({ places: [place], platform: thisPlatform, fetch })
  await expect(filled).rejects.toThrow(OnnxRuntimeError)
  await expect(filled).rejects.toThrow('has the integrity')
  expect(readdirSync(folder)).toEqual([])
})

it('a folder that cannot be written to is said, with the cure', async () => {
  writeFileSync(join(folder, 'file'), '')
  const filled = fill({ places: [join(folder, 'file/cache/place')], platform: thisPlatform, fetch: async () => '' })
  await expect(filled).rejects.toMatchObject({ kind: 'infrastructure', hint: expect.stringContaining('PARE_CACHE') })
})
