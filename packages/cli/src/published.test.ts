import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cleanClone, linkInstalled, ROOT } from './testing/clone.js'
import { TEST_MODELS } from './testing/folder.js'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly [key: string]: unknown
}

interface Packed {
  readonly name: string
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

let folder: string
let tarballs: string
let user: string
let manifests: readonly Manifest[]
let packed: readonly Packed[]
let installed: { readonly stdout: string; readonly stderr: string }

/** Everything as a maintainer publishes and a user installs: a clean clone, `npm pack`, `npm install` in an empty folder. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pare-published-'))
  const clone = join(folder, 'clone')
  tarballs = join(folder, 'tarballs')
  user = join(folder, 'user')
  for (const each of [tarballs, user]) await mkdir(each)
  await cleanClone(clone)
  await linkInstalled(clone)
  manifests = await publicManifests(clone)
  // What turbo has built of the same sources is not built again.
  const env = { TURBO_CACHE_DIR: join(ROOT, '.turbo/cache') }
  const names = manifests.map(({ name }) => `--workspace=${name}`)
  packed = JSON.parse((await npm(['pack', '--json', '--pack-destination', tarballs, ...names], clone, env)).stdout)
  await writeFile(join(user, 'package.json'), '{ "name": "user", "private": true }')
  installed = await npm(['install', '--no-audit', '--no-fund', '--prefer-offline', ...(await tarballsIn(tarballs))], user)
  await cp(join(TEST_MODELS, 'mlp-digits.onnx'), join(user, 'model.onnx'))
  await cp(join(TEST_MODELS, 'data/digits-evaluate.npz'), join(user, 'val.npz'))
}, 900_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

it('from a clean clone every public package packs its built files, its licence, and no source map', () => {
  expect(packed.map(({ name }) => name).sort()).toEqual(manifests.map(({ name }) => name).sort())
  for (const { name, files } of packed) {
    const paths = files.map(({ path }) => path)
    // A family of metrics has an entry for each, and no index.
    const exported = manifests.find((manifest) => manifest.name === name)?.exports as Readonly<Record<string, unknown>>
    const entries = Object.hasOwn(exported, '.') ? ['dist/index.js', 'dist/index.d.ts'] : []
    expect(paths, name).toEqual(expect.arrayContaining(['package.json', 'README.md', 'LICENSE', ...entries]))
    expect(paths.filter((path) => /^dist\/.*\.js$/.test(path)).length, name).toBeGreaterThan(0)
    expect(
      // What a new plugin starts with has tests of its own.
      paths.filter((path) => /\.map$|\.test\.|^src\//.test(path) && !path.startsWith('templates/')),
      name,
    ).toEqual([])
  }
})

it('publint finds nothing in a tarball, and its types are found by everything that reads ES modules', async () => {
  for (const path of await tarballsIn(tarballs)) {
    const data = await readFile(path)
    const tarball = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength)
    const { messages, pkg } = await publint({ pack: { tarball }, strict: true })
    expect(
      messages.map((message) => formatMessage(message, pkg, { color: false })),
      path,
    ).toEqual([])
    const { problems = [] } = { ...(await checkPackage(createPackageFromTarballData(data))) } as { problems?: readonly Problem[] }
    // Packages are ES modules: CommonJS gets them by import(), and what knows no exports is too old.
    const others = problems.filter(({ kind, resolutionKind }) => kind !== 'CJSResolvesToESM' && resolutionKind !== 'node10')
    expect(others, path).toEqual([])
  }
}, 300_000)

interface Problem {
  readonly kind: string
  readonly resolutionKind?: string
}

it('every public package says where it comes from, how it is published, and is 0.1.0', () => {
  for (const { name, version, license, repository, publishConfig, scripts } of manifests) {
    const directory = `packages/${name.replace(/^@pare\//, '')}`
    expect({ name, version, license, repository, publishConfig, scripts }).toMatchObject({
      ...{ version: '0.1.0', license: 'MIT' },
      repository: { type: 'git', directory },
      publishConfig: { access: 'public', provenance: true },
      scripts: { prepack: 'node ../../scripts/prepack.mjs' },
    })
  }
})

it('a release publishes this version: no changeset raises it while it is unpublished', async () => {
  const changes = (await readdir(join(ROOT, '.changeset'))).filter((file) => file.endsWith('.md') && file !== 'README.md')
  expect(changes).toEqual([])
  expect(await readFile(join(ROOT, 'CHANGELOG.md'), 'utf8')).toContain('## 0.1.0')
})

it('installing warns of nothing, and no installed package has a script to run', async () => {
  expect(installed.stderr).toBe('')
  const lock = JSON.parse(await readFile(join(user, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { hasInstallScript?: boolean; engines?: { node?: string } }>>
  }
  const scripted = Object.entries(lock.packages).filter(([, { hasInstallScript }]) => hasInstallScript)
  expect(scripted.map(([path]) => path)).toEqual([])
  expect(Object.keys(lock.packages)).not.toContain('node_modules/onnxruntime-node')
})

it('the commands of the README run in the folder where the tarballs are installed', async () => {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8')
  const commands = [...readme.matchAll(/^npx (@pare\/cli .*)$/gm)].map(([, command]) => command!)
  expect(commands.length).toBeGreaterThanOrEqual(3)
  for (const node of await nodes()) {
    for (const command of commands) {
      const { stdout, stderr } = await execute('npx', command.split(' '), user, {
        PATH: [node, process.env.PATH].join(delimiter),
      })
      expect(stderr, command).not.toContain('npm warn')
      expect(stdout, command).not.toBe('')
    }
    await rm(join(user, 'pare-out'), { recursive: true })
  }
}, 300_000)

/** Folders of this Node's executable, and of the one that the action runs on where that is another one. */
async function nodes(): Promise<readonly string[]> {
  const other = join(ROOT, 'scripts/node24/node_modules/.bin')
  return [
    join(process.execPath, '..'),
    ...(await readdir(other).then(
      () => [other],
      () => [],
    )),
  ]
}

async function publicManifests(clone: string): Promise<readonly Manifest[]> {
  const packages = await readdir(join(clone, 'packages'))
  const all = await Promise.all(
    packages.map(async (name) => JSON.parse(await readFile(join(clone, 'packages', name, 'package.json'), 'utf8')) as Manifest),
  )
  return all.filter((manifest) => manifest.private !== true)
}

async function tarballsIn(tarballs: string): Promise<readonly string[]> {
  return (await readdir(tarballs)).map((file) => join(tarballs, file))
}

const npm = (args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) => execute('npm', args, cwd, env)

async function execute(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv) {
  const options = { cwd, env: { ...process.env, ...env }, shell: process.platform === 'win32', maxBuffer: 2 ** 26 }
  return promisify(execFile)(command, args, options)
}
