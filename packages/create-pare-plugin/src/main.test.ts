import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TEMPLATE_NAMES } from './kinds.js'
import { pluginNamed } from './new-plugin.js'
import { filesOf } from './scaffold.js'
import { createIn } from './testing/workshop.js'

let cwd: string
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'pare-create-'))
})
afterEach(() => rm(cwd, { recursive: true }))

describe('a name', () => {
  it.each([
    ['word-order', 'pare-metric-word-order', 'word-order', 'wordOrder'],
    ['pare-metric-word-order', 'pare-metric-word-order', 'word-order', 'wordOrder'],
    ['@acme/word-order', '@acme/pare-metric-word-order', '@acme/pare-metric-word-order', 'wordOrder'],
  ])('%s becomes %s', (text, packageName, written, factory) => {
    expect(pluginNamed(text, 'metric')).toEqual({ kind: 'metric', name: 'word-order', packageName, written, factory })
  })

  it.each(['Word', 'word--order', '1word', 'word_order', '../word', '', '@acme/', 'delete'])('%s is refused', async (text) => {
    const { exitCode, stderr } = await createIn(cwd, [text, '--kind', 'metric'])
    expect([exitCode, await readdir(cwd)]).toEqual([2, []])
    expect(stderr).toContain(`'${text}'`)
  })
})

describe('the command', () => {
  it.each([
    [[], 'a name and --kind are missing'],
    [['word-order'], '--kind is missing'],
    [['--kind', 'metric'], 'a name is missing'],
    [['word-order', '--kind', 'metrik'], "--kind is 'metrik'; one of criterion, unit-criterion, solver,"],
    [['a', 'b', '--kind', 'metric'], 'one name was expected, and there are 2: a, b'],
    [['a', '--kin', 'metric'], "Unknown option '--kin'"],
  ])('%j without a terminal says what is wrong, with an example', async (argv, message) => {
    const { exitCode, stderr } = await createIn(cwd, argv)
    expect(exitCode).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr).toContain('  hint: ')
  })

  it('refuses a folder that is not empty, and changes nothing in it', async () => {
    const folder = join(cwd, 'pare-metric-word-order')
    await mkdir(folder)
    await writeFile(join(folder, 'notes.txt'), 'mine')
    const { exitCode, stderr } = await createIn(cwd, ['word-order', '--kind', 'metric'])
    expect([exitCode, await readdir(folder)]).toEqual([2, ['notes.txt']])
    expect(stderr).toContain('is not empty: notes.txt. Nothing was written.')
  })

  it('writes into a fresh clone, and where --folder says', async () => {
    await mkdir(join(cwd, 'here/.git'), { recursive: true })
    const { exitCode, stdout } = await createIn(join(cwd, 'here'), ['@acme/word-order', '-k', 'metric', '--folder', '.'])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('Wrote @acme/pare-metric-word-order into ..')
    expect(stdout).toContain("it is called '@acme/pare-metric-word-order'")
    expect(JSON.parse(await readFile(join(cwd, 'here/package.json'), 'utf8'))).toMatchObject({
      name: '@acme/pare-metric-word-order',
    })
  })

  it('--help lists every kind', async () => {
    const { exitCode, stdout } = await createIn(cwd, ['--help'])
    expect(exitCode).toBe(0)
    for (const kind of TEMPLATE_NAMES) expect(stdout).toContain(`\n  ${kind} `)
  })
})

it.each(
  TEMPLATE_NAMES,
)('%s: no word of the template is left, and workflows use the actions that this repository pins', async (kind) => {
  const files = await filesOf(pluginNamed('word-order', kind), 2026)
  expect([...files.keys()].sort()).toEqual([
    ...['.github/workflows/publish.yml', '.github/workflows/test.yml', '.gitignore', 'LICENSE', 'README.md'],
    ...['package.json', 'src/index.test.ts', 'src/index.ts', 'tsconfig.json'],
  ])
  for (const text of files.values()) expect(text).not.toMatch(/my-?plugin|(?<!\$)\{\{\w/i)
  const workflows = new URL('../../../.github/workflows/', import.meta.url)
  const texts = await Promise.all((await readdir(workflows)).map((name) => readFile(new URL(name, workflows), 'utf8')))
  const used = [...files.values()].flatMap((text) => [...text.matchAll(/uses: (.+)$/gm)].map(([, action = '']) => action))
  expect(used.length).toBeGreaterThan(4)
  for (const action of used) expect(texts.join('\n')).toContain(action)
})
