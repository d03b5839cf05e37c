import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TEMPLATE_NAMES, type TemplateName } from './kinds.js'
import { type CommandResult, openWorkshop, type Workshop } from './testing/workshop.js'

const DOCS = fileURLToPath(new URL('../../../docs/write-a-plugin/', import.meta.url))

/** The last one compiles all plugins, those of the pages and one of each kind: strict, and without skipLibCheck. */
const PAGES = ['README.md', 'structure.md', 'metric.md', 'preset.md', 'solver.md', 'criterion.md']

/** A block of a page: 'sh', 'sh exit=2', 'text', or a language and the file that the block is. */
interface Block {
  readonly language: string
  readonly rest: string
  readonly text: string
}

let workshop: Workshop
beforeAll(async () => {
  workshop = await openWorkshop()
  for (const kind of TEMPLATE_NAMES) await workshop.create(`first-${kind}`, kind)
})
afterAll(() => workshop[Symbol.asyncDispose]())

it('every page is run', async () => {
  expect((await readdir(DOCS)).sort()).toEqual([...PAGES].sort())
})

describe.each(PAGES)('docs/write-a-plugin/%s', (page) => {
  it('does in every block what it says', async () => {
    const blocks = blocksOf(await readFile(join(DOCS, page), 'utf8'))
    expect(blocks.length).toBeGreaterThan(0)
    let folder = workshop.path
    let last: CommandResult = { exitCode: 0, stdout: '', stderr: '' }
    for (const { language, rest, text } of blocks) {
      if (language === 'text') expect(`${last.stdout}${last.stderr}`).toContain(text.trim())
      else if (language !== 'sh') await write(join(folder, rest), text)
      else
        for (const line of text.trim().split('\n')) {
          ;({ folder, last } = await execute(line, folder))
          expect(`${line} → ${last.exitCode} ${last.exitCode === 0 ? '' : last.stderr}${last.stdout}`.slice(0, 2000)).toMatch(
            new RegExp(`^${line.replace(/[^\w]/g, '.')} → ${/exit=(\d)/.exec(rest)?.[1] ?? '0'} `),
          )
        }
    }
  }, 300_000)
})

function blocksOf(page: string): readonly Block[] {
  return [...page.matchAll(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)].map(([, language = '', rest = '', text = '']) => ({
    language,
    rest,
    text,
  }))
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}

const DONE: CommandResult = { exitCode: 0, stdout: '', stderr: '' }

/** What a line of a shell does, with npm's commands done without a network. */
async function execute(line: string, folder: string): Promise<{ readonly folder: string; readonly last: CommandResult }> {
  const [first = '', second = '', ...words] = line.split(' ')
  const command = `${first} ${second}`
  if (first === 'cd') return { folder: join(folder, second), last: DONE }
  switch (command) {
    case 'npm create':
      expect(words.slice(1, 3).join(' ')).toMatch(/^\S+ --$/)
      await workshop.create(words[1]!, words[4]!)
      return { folder, last: DONE }
    case 'npm install':
      // Everything is linked.
      return { folder, last: DONE }
    case 'npm test':
      // All tests of all pages run at once, below.
      return { folder, last: DONE }
    case 'npm run':
      await transpile(folder)
      return { folder, last: DONE }
    case 'npx pare': {
      const built = words[0] === 'plugin' ? await workshop.build() : DONE
      return { folder, last: built.exitCode === 0 ? await workshop.run('pare', words, folder) : built }
    }
    default:
      throw new Error(`a page says '${line}', and nothing is known of that`)
  }
}

/** The code without its types, which are looked at for all plugins at once. */
async function transpile(folder: string): Promise<void> {
  const source = await readFile(join(folder, 'src/index.ts'), 'utf8')
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
  await write(join(folder, 'dist/index.js'), ts.transpileModule(source, { compilerOptions }).outputText)
}

it('plugins of every kind, and those of the pages, pass their own tests', async () => {
  const { stdout, stderr } = await workshop.run('vitest', [
    'run',
    '--root',
    workshop.path,
    '--dir',
    workshop.path,
    '--no-isolate',
    '--reporter',
    'json',
    ...FOLDERS,
  ])
  const { success, numTotalTests, testResults } = JSON.parse(stdout) as Report
  const failed = testResults.flatMap(({ assertionResults }) => assertionResults.filter(({ status }) => status === 'failed'))
  expect({ failed, success, stderr }).toEqual({ failed: [], success: true, stderr: '' })
  expect(testResults).toHaveLength(TEMPLATE_NAMES.length + 9)
  expect(numTotalTests).toBeGreaterThan(300)
}, 300_000)

/** Tests in src, and not what is built of them. */
const FOLDERS = ['--exclude', '**/dist/**', '--exclude', '**/built/**', '--exclude', '**/node_modules/**']

interface Report {
  readonly success: boolean
  readonly numTotalTests: number
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

describe('is used by its name', () => {
  it.each<[TemplateName, readonly string[], object]>([
    ['criterion', ['--criterion', 'first-criterion:from=0.1', '--sparsity', '0.5'], { criterion: 'first-criterion' }],
    [
      'unit-criterion',
      ['--criterion', 'first-unit-criterion', '--structure', 'neuron', '--ratio', '0.25', '--calibrate', 'calibrate.npz'],
      { structure: 'neuron', criterion: 'first-unit-criterion' },
    ],
    [
      'solver',
      ['--criterion', 'first-solver', '--sparsity', '0.5', '--calibrate', 'calibrate.npz'],
      { criterion: 'first-solver', target: { sparsity: 0.5 } },
    ],
    ['structure', ['--structure', 'first-structure:least=20', '--sparsity', '0.5'], { structure: 'first-structure' }],
    ['cut-structure', ['--structure', 'first-cut-structure', '--ratio', '0.25'], { structure: 'first-cut-structure' }],
    ['preset', ['--preset', 'first-preset:sparsity=0.3'], { criterion: 'magnitude', target: { sparsity: 0.3 } }],
  ])('%s', async (kind, options, step) => {
    const { exitCode, stderr } = await workshop.run('pare', ['plan', 'model.onnx', '--out', kind, '--quiet', ...options])
    expect([exitCode, stderr]).toEqual([0, ''])
    const plan = JSON.parse(await readFile(join(workshop.path, kind, 'model.plan.json'), 'utf8')) as { steps: readonly object[] }
    expect(plan.steps[0]).toMatchObject(step)
  })

  it('metric', async () => {
    const argv = ['evaluate', 'model.onnx', '--data', 'val.npz', '--json', '--metric', 'first-metric:by=2']
    const { metrics } = JSON.parse((await workshop.run('pare', argv)).stdout) as { metrics: Readonly<Record<string, number>> }
    expect(metrics['first-metric:by=2']).toBeGreaterThan(0.9)
  })
})
