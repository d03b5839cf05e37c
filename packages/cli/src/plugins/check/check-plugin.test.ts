import { mkdir, realpath, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from '../../testing/clone.js'
import { type Folder, fixture } from '../../testing/folder.js'
import { pare } from '../../testing/terminal.js'
import type { LawOutcome } from './check-laws.js'
import type { PluginFinding } from './finding.js'

const CODE = `export default function near({ by } = {}) {
  if (by === undefined) throw new RangeError('by is missing')
  return { name: 'near', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }
}`
const TYPES = `import type { Criterion } from '@pare/core'
export default function near(options?: { readonly by?: number }): Criterion`
const MANIFEST = {
  ...{ name: 'pare-criterion-near', version: '1.0.0', type: 'module', license: 'MIT', files: ['index.js', 'index.d.ts'] },
  exports: { '.': { types: './index.d.ts', default: './index.js' } },
  ...{ keywords: ['pare-plugin'], peerDependencies: { '@pare/core': '>=0.1.0' } },
}

/** A plugin without any fault but what is said. Of `without`, the files. */
function pluginFolder(manifest: object = {}, files: Readonly<Record<string, string>> = {}, without: readonly string[] = []) {
  const all = {
    'package.json': JSON.stringify({ ...MANIFEST, ...manifest }),
    'README.md': '# near\n\n    npm install --save-dev pare-criterion-near\n\n```sh\nnpx pare …\n```\n',
    ...{ LICENSE: 'MIT', 'index.js': CODE.replace(/^ {2}if.*\n/m, ''), 'index.d.ts': TYPES },
    ...files,
  }
  return fixture(undefined, Object.fromEntries(Object.entries(all).filter(([name]) => !without.includes(name))))
}

/** As if npm had installed it there. */
async function install({ path }: Folder, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const to = join(path, 'node_modules', name)
    await mkdir(dirname(to), { recursive: true })
    await symlink(await realpath(join(ROOT, 'node_modules', name)), to, 'junction')
  }
}

async function check(folder: Folder, ...argv: readonly string[]) {
  const session = await pare(['plugin', 'check', '.', '--json', ...argv], { cwd: folder.path })
  const { findings, laws } = session.json() as unknown as { findings: readonly PluginFinding[]; laws: readonly LawOutcome[] }
  const by = (status: string) => findings.filter((finding) => finding.status === status).map(({ check }) => check)
  const told = (name: string) => findings.find(({ check }) => check === name)?.message ?? ''
  return { ...session, findings, laws, wrong: by('fail'), open: by('skipped'), told }
}

it('a plugin that keeps the laws of its kind, with the options that it needs', async () => {
  await using folder = await pluginFolder({}, { 'index.js': CODE })
  await install(folder, '@pare/core', '@pare/testing', 'vitest')
  const { wrong, open, laws } = await check(folder, '--options', 'by=2')
  // TypeScript is not installed here; the tests of create-pare-plugin have all of it.
  expect({ wrong, open }).toEqual({ wrong: [], open: ['types'] })
  expect(laws.map(({ status }) => status)).toEqual(Array(7).fill('pass'))
}, 300_000)

it('a law that does not hold is told by its name, with what it does not hold for', async () => {
  const code = `export const near = () => ({ name: 'near', needs: {}, saliency: ({ weight }, ops) => ops.sqrt(weight) })`
  await using folder = await pluginFolder({}, { 'index.js': code })
  await install(folder, '@pare/core', '@pare/testing', 'vitest')
  const { exitCode, stdout } = await pare(['plugin', 'check', folder.path], { cwd: folder.path })
  expect(exitCode).toBe(1)
  expect(stdout).toMatch(/^wrong laws {5}1 of 7 laws do not hold\.$/m)
  expect(stdout).toMatch(
    /^ {2}wrong criterion near gives every finite weight a finite saliency, .*\n.*Counterexample: .*weights/m,
  )
}, 300_000)

it('types that do not compile without skipLibCheck are told', async () => {
  await using folder = await pluginFolder({}, { 'index.d.ts': TYPES.replace('Criterion', 'Criterium') })
  await install(folder, '@pare/core', 'typescript', '@types/node')
  expect((await check(folder)).told('types')).toContain("has no exported member 'Criterium'")
}, 300_000)

it('everything that is wrong is told at once, each with what to do, and no code is run without a name', async () => {
  await using folder = await pluginFolder(
    { name: 'near', keywords: [], peerDependencies: {}, files: undefined, license: undefined, exports: './lost.js' },
    {},
    ['README.md'],
  )
  const { exitCode, wrong, open, findings } = await check(folder)
  expect(exitCode).toBe(1)
  expect(wrong).toEqual(['name', 'keyword', 'peer', 'exports', 'types', 'files', 'licence', 'readme'])
  expect(open).toEqual(['factory', 'laws'])
  expect(findings.filter(({ hint }) => hint === undefined)).toEqual([])
})

it.each([
  ['name', { name: 'pare-criterion-magnitude' }, "'magnitude' comes with Pare"],
  ['name', { private: true }, 'package.json says private'],
  ['peer', { peerDependencies: { '@pare/core': '^7.0.0' } }, '@pare/core ^7.0.0 does not take this version of Pare'],
  ['peer', { dependencies: { '@pare/core': '^0.1.0' } }, 'gives it a copy of its own'],
  ['types', { exports: { '.': './index.js' } }, '"exports" leads to no types'],
  [
    'exports',
    { exports: { '.': { types: './index.d.ts', default: './dist/index.js' } } },
    './dist/index.js, and that file is not there',
  ],
])('of package.json: %s, %j', async (name, manifest, message) => {
  await using folder = await pluginFolder(manifest)
  const { wrong, told } = await check(folder)
  expect(wrong).toContain(name)
  expect(told(name)).toContain(message)
})

it.each([
  ['throw new Error("out of order")', 'could not be loaded: out of order'],
  ['export const far = 1', 'neither a default export nor \'near\' is a function; it exports ["far"]'],
  [CODE, 'called with {}, the factory throws: by is missing'],
  ['export default () => ({ name: "near", find: () => ({}) })', 'lacks name or needs or saliency'],
  [
    'export default () => ({ name: "far", needs: {}, saliency: () => {} })',
    'the package is called near, and what it makes "far"',
  ],
])('of the code: %s', async (code, message) => {
  await using folder = await pluginFolder({}, { 'index.js': code })
  const { exitCode, wrong, told } = await check(folder)
  expect([exitCode, wrong]).toEqual([1, ['factory']])
  expect(told('factory')).toContain(message)
})

it('what is not installed leaves the check open, which is neither right nor wrong', async () => {
  await using folder = await pluginFolder()
  const { exitCode, wrong, open, told } = await check(folder)
  expect([exitCode, wrong, open]).toEqual([3, [], ['types', 'laws']])
  expect(told('laws')).toContain('@pare/testing and vitest are not installed here')
})

it('another command, and a folder without a plugin, are wrong usage', async () => {
  await using folder = await fixture()
  for (const [argv, message] of [
    [['plugin', 'chek'], "'chek' is no command; check was expected"],
    [['plugin', 'check', 'nowhere'], 'nowhere/package.json cannot be read'],
  ] as const) {
    const { exitCode, stderr } = await pare(argv, { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr.replaceAll('\\', '/')).toContain(message)
  }
})
