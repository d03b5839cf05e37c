import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onnxruntimeCommon, onnxruntimeNode } from '@pare/onnxruntime'
import { create } from 'tar'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { repository } from '../testing/action-yml.js'
import { type Registry, registry } from '../testing/registry.js'
import { type Server, serve } from '../testing/server.js'
import { findOnnxRuntime, findUpwards, isInside, type Search } from './onnxruntime.js'

const root = mkdtempSync(join(tmpdir(), 'pare-ort-'))
const workspace = join(root, 'workspace')
const toolCache = join(root, 'toolcache')
const platform = { os: 'linux', arch: 'arm64' } // not necessarily that of the machine: nothing is loaded here
let packages: Registry
let server: Server

beforeEach(async () => {
  for (const folder of [workspace, toolCache]) mkdirSync(folder, { recursive: true })
  packages = registry()
  server = await serve([packages.handler])
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
  for (const folder of [workspace, toolCache]) rmSync(folder, { recursive: true, force: true })
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

function search(changes: Partial<Search> = {}): Search {
  const env = { RUNNER_TOOL_CACHE: toolCache, npm_config_registry: `${server.url}/` }
  const signal = new AbortController().signal
  return { env, platform, workspace, workingDirectory: workspace, path: undefined, trusted: true, signal, ...changes }
}

/** A folder that looks like an onnxruntime-node package for linux/arm64. */
function fakePackage(folder: string): string {
  mkdirSync(join(folder, 'bin/napi-v6/linux/arm64'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{}')
  writeFileSync(join(folder, 'bin/napi-v6/linux/arm64/onnxruntime_binding.node'), '')
  return folder
}

describe('ONNX Runtime is taken from', () => {
  it('the input first', async () => {
    fakePackage(join(workspace, 'node_modules/onnxruntime-node'))
    const vendor = fakePackage(join(workspace, 'vendor'))
    await expect(findOnnxRuntime(search({ path: 'vendor' }))).resolves.toEqual({ folder: vendor, from: 'input' })
  })

  it("the workspace's node_modules next, from the working directory upwards", async () => {
    const folder = fakePackage(join(workspace, 'node_modules/onnxruntime-node'))
    const workingDirectory = join(workspace, 'deep/er')
    await expect(findOnnxRuntime(search({ workingDirectory }))).resolves.toEqual({ folder, from: 'workspace' })
    expect(packages.requests).toEqual([])
  })

  it('a download that fills the tool cache, and from then on from there', { timeout: 300_000 }, async () => {
    fakePackage(join(workspace, 'node_modules/onnxruntime-node'))
    const first = await findOnnxRuntime(search({ trusted: false })) // the workspace's is not looked at
    expect(first.from).toBe('download')
    expect(packages.requests).toEqual(['onnxruntime-common', 'onnxruntime-node'])
    const second = await findOnnxRuntime(search({ trusted: false }))
    expect(second).toEqual({ folder: first.folder, from: 'tool cache' })
    expect(packages.requests).toHaveLength(2)

    const files = readdirSync(first.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    const names = files.map(({ name }) => name).sort()
    expect(names.filter((name) => !name.endsWith('.js'))).toEqual([
      'libonnxruntime.so.1',
      'onnxruntime_binding.node',
      'package.json',
    ])
    const binding = 'bin/napi-v6/linux/arm64/onnxruntime_binding.node'
    expect(
      readFileSync(join(first.folder, binding)).equals(readFileSync(join(repository, 'node_modules/onnxruntime-node', binding))),
    ).toBe(true)
    expect(existsSync(join(first.folder, '../onnxruntime-common/dist/cjs/index.js'))).toBe(true)
    // nothing of the way there is left behind
    expect(readdirSync(join(toolCache, 'pare-onnxruntime/1.30.0'))).toEqual(['linux-arm64'])
  })
})

describe('the tool cache', () => {
  it('is not used where a byte of it is another, and is filled anew', { timeout: 300_000 }, async () => {
    const { folder } = await findOnnxRuntime(search())
    const library = join(folder, 'bin/napi-v6/linux/arm64/libonnxruntime.so.1')
    const published = readFileSync(library)
    const other = Buffer.from(published)
    other[1000]! ^= 1
    writeFileSync(library, other)
    // Nor may something lie in it that was not published.
    const stranger = join(folder, 'dist/preload.js')
    writeFileSync(stranger, 'process.exit(0)')
    await expect(findOnnxRuntime(search())).resolves.toEqual({ folder, from: 'download' })
    expect(readFileSync(library).equals(published)).toBe(true)
    expect(existsSync(stranger)).toBe(false)
    await expect(findOnnxRuntime(search())).resolves.toEqual({ folder, from: 'tool cache' })
  })
})

describe('a download', () => {
  it('with the wrong hash is an error, and nothing of it is unpacked', async () => {
    const source = join(root, 'evil')
    mkdirSync(join(source, 'package/dist/cjs'), { recursive: true })
    writeFileSync(join(source, 'package/dist/cjs/index.js'), 'process.exit(0)')
    await create({ gzip: true, file: join(root, 'evil.tgz'), cwd: source }, ['package'])
    packages.instead.set('onnxruntime-common', readFileSync(join(root, 'evil.tgz')))
    await expect(findOnnxRuntime(search())).rejects.toMatchObject({
      kind: 'infrastructure',
      message: expect.stringContaining(onnxruntimeCommon.integrity),
    })
    expect(readdirSync(toolCache, { recursive: true })).toEqual(['pare-onnxruntime', join('pare-onnxruntime', '1.30.0')])
  })

  it('that is not there names the URL and the ways around it', async () => {
    const env = { RUNNER_TOOL_CACHE: toolCache, npm_config_registry: `${server.url}/nowhere` }
    await expect(findOnnxRuntime(search({ env }))).rejects.toMatchObject({
      kind: 'infrastructure',
      message: expect.stringContaining(
        `${server.url}/nowhere/onnxruntime-common/-/onnxruntime-common-1.30.0.tgz could not be downloaded: Unexpected HTTP response: 404`,
      ),
      hint: expect.stringContaining('onnxruntime-path'),
    })
  })

  it('goes to the folder of the job where the tool cache may not be written to', async () => {
    packages.instead.set('onnxruntime-common', Buffer.from('wrong'))
    const file = join(root, 'file')
    writeFileSync(file, '')
    const env = { RUNNER_TOOL_CACHE: join(file, 'inside'), RUNNER_TEMP: toolCache, npm_config_registry: server.url }
    await expect(findOnnxRuntime(search({ env }))).rejects.toMatchObject({ message: expect.stringContaining('integrity') })
    expect(readdirSync(toolCache)).toEqual(['pare-onnxruntime'])
    await expect(findOnnxRuntime(search({ env: { RUNNER_TEMP: join(file, 'too') } }))).rejects.toMatchObject({
      kind: 'infrastructure',
      message: expect.stringContaining('no place to be unpacked to'),
    })
  })

  it('stops when the step is cancelled', async () => {
    packages.instead.set('onnxruntime-common', 'stall')
    const cancelled = new AbortController()
    const found = findOnnxRuntime(search({ signal: cancelled.signal }))
    setTimeout(() => cancelled.abort(new Error('cancelled')), 100)
    await expect(found).rejects.toThrow('cancelled')
    expect(readdirSync(join(toolCache, 'pare-onnxruntime/1.30.0'))).toEqual([])
  })
})

describe('refused is', () => {
  it('a platform without a library, with what to run on instead', async () => {
    await expect(findOnnxRuntime(search({ platform: { os: 'darwin', arch: 'x64' } }))).rejects.toMatchObject({
      message: expect.stringContaining('no library for darwin/x64, only for linux/x64, linux/arm64, darwin/arm64'),
      hint: expect.stringContaining('Apple silicon'),
    })
  })

  it('a path without a library', async () => {
    await expect(findOnnxRuntime(search({ path: 'nowhere' }))).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringContaining("'onnxruntime-path' is 'nowhere'"),
    })
  })

  it('a path inside a workspace that is not trusted, also behind a link', async () => {
    fakePackage(join(workspace, 'vendor'))
    const link = join(root, 'link')
    symlinkSync(join(workspace, 'vendor'), link, 'junction')
    for (const path of ['vendor', link]) {
      await expect(findOnnxRuntime(search({ path, trusted: false }))).rejects.toMatchObject({ kind: 'untrusted' })
    }
  })
})

describe('the pinned packages', () => {
  it.each([onnxruntimeNode, onnxruntimeCommon])('$name is the one in package-lock.json', ({ name, version, integrity }) => {
    const { packages: locked } = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version: string; integrity: string }>
    }
    expect(locked[`node_modules/${name}`]).toMatchObject({ version, integrity })
  })
})

it.each([
  ['/a/b', '/a', true],
  ['/a', '/a', true],
  ['/ab', '/a', false],
  ['/', '/a', false],
  ['/a/..b', '/a', true],
])('%s inside %s: %s', (path, folder, inside) => {
  expect(isInside(path, folder)).toBe(inside)
})

it('nothing above the workspace is looked at', () => {
  fakePackage(join(root, 'node_modules/onnxruntime-node'))
  expect(findUpwards(join(workspace, 'deep'), workspace, 'onnxruntime-node')).toBeUndefined()
})
