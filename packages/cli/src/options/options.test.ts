import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { COMMANDS, type CommandName } from './commands.js'
import { SECTIONS } from './config.js'
import { helpOf, optionsOf } from './options.js'
import { overridesOf, ownOf } from './overrides.js'
import { readText } from './text.js'

const ALL = Object.keys(COMMANDS) as CommandName[]

/** What `--name text` of a command means. */
function read(command: CommandName, name: string, text: string): unknown {
  const option = optionsOf(command).find((each) => each.name === name)
  if (option === undefined) throw new Error(`pare ${command} has no --${name}`)
  const meaning = readText(text, option)
  return 'value' in meaning ? meaning.value : meaning
}

const wrong = { expected: expect.any(String) }

describe('text means', () => {
  it.each<[CommandName, string, string, unknown]>([
    ['run', 'maxDrop', '0.01', 0.01],
    ['run', 'maxDrop', '.5', 0.5],
    ['run', 'maxDrop', 'relative = 0.02', { relative: 0.02 }],
    ['run', 'maxDrop', '-1', wrong],
    ['run', 'maxDrop', 'Infinity', wrong],
    ['run', 'maxDrop', '1%', { expected: expect.stringContaining('relative=0.01'), hint: 'for 1 % write 0.01' }],
    ['run', 'min', '-0.5', -0.5],
    ['run', 'min', '0x1', wrong],
    ['run', 'certainty', '1', wrong],
    ['prune', 'sparsity', '1e-3', 0.001],
    ['prune', 'sparsity', ' ', wrong],
    ['prune', 'target', 'macs = 0.5', { macs: 0.5 }],
    ['prune', 'target', 'macs=0', wrong],
    ['prune', 'target', 'ratio=0.5', wrong],
    ['prune', 'schedule', 'cubic:3', { kind: 'iterative', curve: 'cubic', steps: 3 }],
    ['prune', 'schedule', 'exponential', { kind: 'iterative', curve: 'exponential' }],
    ['prune', 'schedule', 'one-shot', 'one-shot'],
    ...['cubic:', 'square:3', 'cubic:0', '5'].map((text): [CommandName, string, string, unknown] => [
      'prune',
      'schedule',
      text,
      wrong,
    ]),
    ['prune', 'recover', 'retrain', 'retrain'],
    ['prune', 'recover', 'blocks', 'blocks'],
    ['prune', 'recover', 'retrain, repair,blocks', { repair: true, blocks: true, retrain: {} }],
    ['run', 'calibrate', 'a.npz', ['a.npz']],
    ['run', 'calibrate', 'a.npz\nb.npz:weight=2', ['a.npz', { data: 'b.npz', weight: 2 }]],
    ['calibrate', 'data', 'b.npz:weight=-1', wrong],
    ['prune', 'recover', 'repair, retrain', { repair: true, retrain: {} }],
    ...['repair,repair', 'all', ''].map((text): [CommandName, string, string, unknown] => ['prune', 'recover', text, wrong]),
    ['prune', 'allocation', 'out/curves.json', 'out/curves.json'],
    ['prune', 'include', '/a,b/*', ['/a,b/*']],
    ['bench', 'threads', '1, all', [1, availableParallelism()]],
    ['bench', 'threads', 'some', wrong],
    ['bench', 'dims', 'H=2, N + 1=4', { H: 2, 'N + 1': 4 }],
    ['inspect', 'dims', 'height=32', { height: 32 }],
    ['bench', 'dims', '=4', wrong],
    ['bench', 'dims', '32', wrong],
    ['bench', 'runs', '5', wrong],
    ['calibrate', 'shard', '1/3', { index: 1, count: 3 }],
    ['calibrate', 'shard', '4/3', wrong],
    ['sensitivity', 'ratios', '0.5,0.3,0.5', [0.3, 0.5]],
    ['sensitivity', 'ratios', '0.5,1', wrong],
  ])('%s: %s %j', (command, name, text, value) => {
    expect(read(command, name, text)).toEqual(value)
  })
})

describe('options of a command', () => {
  it.each(ALL)('of %s have one name each, and say what they do', (command) => {
    const options = optionsOf(command)
    expect(new Set(options.map(({ name }) => name)).size).toBe(options.length)
    for (const option of options) expect(helpOf(option).length).toBeGreaterThan(10)
  })

  it.each(ALL)('of %s that need a word say what is expected of it', (command) => {
    for (const { argument, schema, name } of optionsOf(command)) {
      if (argument === undefined) continue
      const plain = schema.def.type === 'string' || schema.description !== undefined
      expect({ name, plain }).toEqual({ name, plain: true })
    }
  })

  it('become a config of one model', () => {
    const values = { sparsity: 0.5, scope: 'row', batch: 8, tokenizer: 't.json', maxDrop: 0.01, distill: true, config: 'c.json' }
    expect(overridesOf('run', values)).toEqual({
      prune: { target: { sparsity: 0.5 }, scope: 'row' },
      calibrate: { batch: 8, tokenizer: 't.json' },
      train: { tokenizer: 't.json' },
      evaluate: { batch: 8, tokenizer: 't.json' },
      gate: { maxDrop: 0.01 },
      retrain: { distill: true },
    })
    expect(ownOf('run', values)).toEqual({ config: 'c.json' })
  })

  it('that say the same thing in two ways contradict each other', () => {
    expect(() => overridesOf('prune', { ratio: 0.3, target: { macs: 0.5 } })).toThrow(
      '--ratio 0.3 and --target macs=0.5 contradict',
    )
  })
})

it('every field of a config says what it is for, and which commands have it are commands', () => {
  for (const [section, fields] of Object.entries(SECTIONS))
    for (const [name, { help, schema, flags }] of Object.entries(fields)) {
      const field = section === '' ? name : `${section}.${name}`
      expect({ field, help: help.length > 10, expected: schema.description !== undefined }).toEqual({
        field,
        help: true,
        expected: true,
      })
      for (const { on, required = [] } of flags) expect(ALL).toEqual(expect.arrayContaining([...on, ...required]))
    }
})

it('what is written --no-… is no input: an input would say the opposite of its name', () => {
  for (const command of ALL)
    expect(optionsOf(command).filter(({ negative, input }) => negative === true && input === true)).toEqual([])
})
