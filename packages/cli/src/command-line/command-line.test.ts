import { describe, expect, it } from 'vitest'
import { COMMANDS, type CommandName } from '../options/commands.js'
import { hyphened, optionsOf } from '../options/options.js'
import { fixture } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'

const ALL = Object.keys(COMMANDS) as CommandName[]

describe('help', () => {
  it('lists the commands and where to start', async () => {
    const { exitCode, stdout, stderr } = await pare(['--help'], { cwd: '/' })
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    for (const command of ALL) expect(stdout).toContain(`\n  ${command} `)
    expect(stdout).toContain('pare inspect model.onnx')
  })

  it.each(ALL)('of %s has examples that name it, and its options exist', async (command) => {
    const { exitCode, stdout } = await pare([command, '--help'], { cwd: '/' })
    expect(exitCode).toBe(0)
    expect(stdout).toContain(`Usage: pare ${command}`)
    expect(stdout).toMatch(new RegExp(`Examples:\n  \\$ pare ${command}`))
    expect(stdout).toContain('--json')
    const own = new Set(optionsOf(command).map(({ name }) => `--${hyphened(name)}`))
    const examples = COMMANDS[command].examples.filter((line) => line.startsWith(`pare ${command} `))
    for (const [option] of examples.join('\n').matchAll(/(?<= )--[a-z-]+/g))
      if (option !== '--json') expect(own).toContain(option)
  })

  it.each(ALL)('of %s fits a terminal of 80 columns', async (command) => {
    const { stdout } = await pare([command, '--help'], { cwd: '/', columns: 80 })
    const long = stdout.split('\n').filter((line) => line.length > 80 && !line.startsWith('  $ '))
    expect(long).toEqual([])
  })

  it('is shown for no command at all, as an error', async () => {
    const { exitCode, stdout, stderr } = await pare([], { cwd: '/' })
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toContain('Usage: pare')
  })

  it('has colours on a terminal, and none under NO_COLOR', async () => {
    const colored = await pare(['--help'], { cwd: '/', isTTY: true })
    const plain = await pare(['--help'], { cwd: '/', isTTY: true, env: { NO_COLOR: '1' } })
    expect(colored.stdout).toContain('\u001b[')
    expect(plain.stdout).not.toContain('\u001b[')
  })

  it('prints the version', async () => {
    expect(await pare(['--version'], { cwd: '/' })).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    })
  })
})

describe('wrong arguments', () => {
  it.each([
    [['prnue'], "pare: unknown command 'prnue'.", 'did you mean prune? Otherwise see: pare --help'],
    [
      ['prune', 'm.onnx', '--sparsty', '0.5'],
      "pare: unknown option '--sparsty'.",
      'did you mean --sparsity? Otherwise see: pare prune --help',
    ],
    [
      ['prune', 'm.onnx', '--max-drop', '0.01'],
      "pare: unknown option '--max-drop'.",
      'it is an option of pare run, pare plan-run, pare merge, pare check. Otherwise see: pare prune --help',
    ],
    [['prune'], "pare: missing required argument 'model'.", 'see: pare prune --help'],
    [['prune', 'a', 'b'], "pare: too many arguments for 'prune'. Expected 1 argument but got 2.", 'see: pare prune --help'],
    [['evaluate', 'm.onnx'], "pare: required option '--data <file>' not specified.", 'see: pare evaluate --help'],
    [
      ['prune', 'm.onnx', '--sparsity', '50%'],
      "pare: --sparsity is '50%'; expected a number from 0 to 1, such as 0.5.",
      'for 50 % write 0.5',
    ],
    [['prune', 'm.onnx', '--sparsity', ''], "pare: --sparsity is ''; expected a number from 0 to 1", '--help'],
    [['prune', 'm.onnx', '--seed', '1.5'], "pare: --seed is '1.5'; expected a whole number", '--help'],
    [
      ['prune', 'm.onnx', '--allocation', 'even'],
      "pare: --allocation is 'even'; expected uniform, erk, owl, fisher, search, search:trials=200, or a .json file of measured curves.",
      'erk: more of large weights; owl: less of weights with many outliers; fisher: by what the loss on --train data feels; search: by trying models out on --calibrate data; curves.json: what pare sensitivity --json printed',
    ],
    [
      ['prune', 'm.onnx', '--normalize', 'l2'],
      "pare: --normalize is 'l2'; expected lamp.",
      'leave it out, and saliencies are compared as they are',
    ],
    [
      ['prune', 'm.onnx', '--scope', 'layer'],
      "pare: --scope is 'layer'; expected row, tensor or global, for structures that cut group or global.",
      'row: one output unit',
    ],
    [
      ['prune', 'm.onnx', '--sparsity', '0.5', '--threshold', '1'],
      'pare: --sparsity 0.5 and --threshold 1 contradict each other.',
      'give one of them',
    ],
    [['prune', 'm.onnx', '--calibrate', 'c.npz'], "calibration data 'c.npz' is not a file", 'check the path'],
    [
      ['run', '--recover', 'distil'],
      "pare: --recover is 'distil'; expected repair, blocks, retrain, several of them (repair,retrain) or none.",
      '--recover retrain --train data.npz',
    ],
    [
      ['prune', 'm.onnx', '--recover', 'retrain'],
      'recover: retrain needs training data, and there are none.',
      '--train data.npz',
    ],
    [['prune', 'm.onnx', '--train', 't.npz'], "training data 't.npz' is not a file", 'check the path'],
    [['prune', 'm.onnx', '--steps', '10'], 'steps is how a model is retrained, and it is not.', '--recover retrain'],
    [
      ['prune', 'm.onnx', '--schedule', 'cubic:0'],
      "pare: --schedule is 'cubic:0'; expected one-shot, or a curve (cubic, linear or exponential) and a number of steps, such as cubic:5",
      'in each step some more is pruned, recovered, and judged anew',
    ],
    [
      ['prune', 'm.onnx', '--threshold', '0.1', '--schedule', 'linear:2'],
      'a threshold (0.1) cannot be approached in steps.',
      'give a sparsity',
    ],
    [
      ['prune', 'm.onnx', '--structure', '2:4', '--schedule', 'cubic'],
      "structure 'nm' always masks 0.5 of the elements, and cannot be approached in steps.",
      'leave the schedule out',
    ],
    [['prune', 'm.onnx', '--loss', 'hinge'], "pare: --loss is 'hinge'; expected cross-entropy, next-token", 'leave it out'],
    [['prune', 'm.onnx', '--ratio', '0.3'], "structure 'element' masks elements and takes no ratio (0.3)", '--sparsity 0.3'],
    [
      ['run', '--max-drop', '1%'],
      "pare: --max-drop is '1%'; expected 0.01 (absolute, for metrics between 0 and 1) or relative=0.01 (a fraction of the reference).",
      'for 1 % write 0.01',
    ],
  ])('%j', async (argv, message, hint) => {
    const { exitCode, stdout, stderr } = await pare(argv, { cwd: '/' })
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/\n {2,4}hint: /)
    expect(stderr).toContain(hint)
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  it('are one JSON document under --json', async () => {
    const { exitCode, stdout, json } = await pare(['prune', 'm.onnx', '--sparsty', '0.5', '--json'], { cwd: '/' })
    expect(exitCode).toBe(2)
    expect(stdout.trim().split('\n')[0]).toBe('{')
    expect(json()).toEqual({
      schemaVersion: 1,
      command: 'prune',
      error: { message: "pare: unknown option '--sparsty'.", hint: 'did you mean --sparsity? Otherwise see: pare prune --help' },
    })
  })
})

describe('errors', () => {
  it.each([
    ['that is not there', 'absent.onnx', undefined, 'does not exist'],
    ['that is a folder', 'folder', undefined, 'a folder without an ONNX model'],
    ['that is empty', 'a.onnx', '', 'is empty'],
    ['that is no ONNX', 'a.onnx', 'not a model, but text that goes on for a while', ''],
    ['that is a Git LFS pointer', 'a.onnx', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n', 'git lfs pull'],
  ])('name a model %s', async (_, name, text, expected) => {
    await using folder = await fixture(undefined, { 'folder/note.txt': '', ...(text === undefined ? {} : { [name]: text }) })
    const { exitCode, stderr } = await pare(['prune', name], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain(name)
    expect(stderr).toContain(expected)
    expect(stderr).toContain('hint: ')
    expect(await folder.files()).not.toContainEqual(expect.stringContaining('pare-out'))
  })

  it('have a stack trace only under --verbose', async () => {
    const plain = await pare(['prune', 'absent.onnx'], { cwd: '/' })
    const verbose = await pare(['prune', 'absent.onnx', '--verbose'], { cwd: '/' })
    expect(plain.stderr).not.toMatch(/^\s+at /m)
    expect(verbose.stderr).toMatch(/^\s+at /m)
  })

  it('are coloured on a terminal, and not under NO_COLOR', async () => {
    const colored = await pare(['prune', 'absent.onnx'], { cwd: '/', isTTY: true })
    const plain = await pare(['prune', 'absent.onnx'], { cwd: '/', isTTY: true, env: { NO_COLOR: '1' } })
    expect(colored.stderr).toContain('\u001b[1;31m')
    expect(plain.stderr).not.toContain('\u001b[')
  })
})
