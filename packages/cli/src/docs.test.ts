import { mkdtemp, readFile, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TEST_MODELS } from './testing/folder.js'
import { pare } from './testing/terminal.js'

const DOC = await readFile(new URL('../../../docs/pruning-step-by-step.md', import.meta.url), 'utf8')

/** The commands of the document in order, with the exit code that each must have, and of the last of a block what is shown of its output: '…' alone stands for any lines. */
const commands = [...DOC.matchAll(/```sh(?: exit=(\d))?\n([\s\S]*?)```\n(?:```text\n([\s\S]*?)```)?/g)].flatMap(
  ([, code = '0', block = '', shown = '']) =>
    block
      .trim()
      .split('\n')
      .map((command, i, { length }) => ({
        command,
        code: Number(code),
        lines: i < length - 1 ? [] : shown.split('\n').filter((line) => line !== '' && line !== '…'),
      })),
)

describe('docs/pruning-step-by-step.md', () => {
  let cwd = ''
  beforeAll(async () => {
    cwd = await realpath(await mkdtemp(join(tmpdir(), 'pare-docs-')))
    await symlink(TEST_MODELS, join(cwd, 'test-models'), 'junction')
  })
  afterAll(() => rm(cwd, { recursive: true }))

  it('has commands', () => expect(commands.length).toBeGreaterThan(5))

  it.each(commands)('$command ends with $code', async ({ command, code, lines }) => {
    const [npx, name, ...argv] = command.split(' ')
    expect([npx, name]).toEqual(['npx', 'pare'])
    const { exitCode, stdout } = await pare(argv, { cwd })
    expect(exitCode).toBe(code)
    const printed = stdout.split('\n')
    expect(printed.filter((line) => lines.includes(line))).toEqual(lines)
  })

  it('shows what commands print', () => expect(commands.flatMap(({ lines }) => lines).length).toBeGreaterThan(15))

  it('prune writes the bytes that plan and replay write', async () => {
    const [pruned, replayed] = await Promise.all(
      ['pruned', 'replayed'].map((folder) => readFile(join(cwd, 'pare-out', folder, 'mlp-digits.onnx'))),
    )
    expect(pruned?.equals(replayed!)).toBe(true)
  })

  it('shows the rule and the accuracies that come out', async () => {
    const plan = await readFile(join(cwd, 'pare-out/steps/mlp-digits.plan.json'), 'utf8')
    const rule = /\{"id":"2\.weight".*\}\}/.exec(DOC)?.[0]
    expect(rule).toBeDefined()
    expect(plan).toContain(rule)
    const accuracies = await Promise.all(
      ['test-models/mlp-digits.onnx', 'pare-out/pruned/mlp-digits.onnx'].map(async (model) => {
        const session = await pare(
          ['evaluate', model, '--data', 'test-models/data/digits-evaluate.npz', '--metric', 'accuracy', '--json'],
          { cwd },
        )
        return (session.json() as { metrics: { accuracy: number } }).metrics.accuracy.toFixed(4)
      }),
    )
    expect(DOC).toContain(`${accuracies[0]} of the digits were right before, ${accuracies[1]} are now`)
  })
})
