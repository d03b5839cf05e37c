import { describe, expect, it } from 'vitest'
import { ActionFailure } from './failure.js'
import { type ActionTask, readInputs } from './inputs.js'
import { inputVariables, readActionYml } from './testing/action-yml.js'

const read = (inputs: Record<string, string>) =>
  readInputs(Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])))

function failure(inputs: Record<string, string>): ActionFailure {
  try {
    read(inputs)
  } catch (error) {
    if (error instanceof ActionFailure) return error
    throw error
  }
  throw new Error('the inputs were accepted')
}

describe('inputs', () => {
  it('hold what the workflow says', () => {
    const { run, ...rest } = read({
      config: 'ci/pare.config.json',
      models: 'a.onnx\n\n  models/*.onnx\n',
      data: 'val.npz',
      metric: 'accuracy',
      calibrate: 'calibrate.npz',
      criterion: 'magnitude:p=2',
      structure: 'element',
      sparsity: '0.5',
      'max-drop': '0.01',
      'fail-on': 'error',
      'retention-days': '5',
      'onnxruntime-path': 'vendor/ort',
      'github-token': 'secret',
    })
    expect(run.models).toEqual(['a.onnx', 'models/*.onnx'])
    expect(run.values).toEqual({
      config: 'ci/pare.config.json',
      data: 'val.npz',
      metric: 'accuracy',
      calibrate: ['calibrate.npz'],
      criterion: 'magnitude:p=2',
      structure: 'element',
      sparsity: 0.5,
      maxDrop: 0.01,
    })
    expect(rest).toMatchObject({ failOn: 'error', retentionDays: 5, onnxruntimePath: 'vendor/ort', token: 'secret' })
  })

  it('that are left out leave the config alone', () => {
    expect(read({}).run).toMatchObject({ models: [], values: {} })
    expect(read({ sparsity: '', 'max-drop': ' ' }).run.values).toEqual({})
  })

  it('have the same defaults in the code as in action.yml', () => {
    const { artifactName: _, ...fromCode } = read({})
    const { artifactName, ...fromYml } = readInputs(inputVariables({}, { 'github.job': 'prune', 'strategy.job-index': '3' }))
    expect(fromYml).toEqual(fromCode)
    expect(artifactName).toBe('pare-prune-3')
  })

  it('that the config also has, have no default in action.yml', () => {
    const own = ['fail-on', 'trust', 'comment', 'upload', 'artifact-name', 'working-directory', 'mode', 'github-token']
    const withDefault = Object.entries(readActionYml().inputs).filter(([, { default: text }]) => text !== undefined)
    expect(withDefault.map(([name]) => name).sort()).toEqual(own.sort())
  })
})

describe('allow-worthless-reference', () => {
  it.each([
    ['true', true],
    ['False', false],
    ['', undefined],
  ])("'%s' is %s", (text, value) => {
    expect(read({ 'allow-worthless-reference': text }).run.values.allowWorthlessReference).toBe(value)
  })

  it('is nothing else', () => {
    expect(failure({ 'allow-worthless-reference': 'yes' }).message).toContain(
      "'allow-worthless-reference' is 'yes', expected true or false",
    )
  })
})

describe('max-drop', () => {
  it.each([
    ['0.01', 0.01],
    ['.5', 0.5],
    ['1e-3', 0.001],
    ['relative=0.02', { relative: 0.02 }],
    ['relative = 0.02', { relative: 0.02 }],
  ])('%s is %j', (text, value) => {
    expect(read({ 'max-drop': text }).run.values.maxDrop).toEqual(value)
  })

  it('in percent is refused with both ways to write it', () => {
    expect(failure({ 'max-drop': '1%' }).message).toContain(
      "'max-drop' is '1%', expected 0.01 (absolute, for metrics between 0 and 1) or relative=0.01 (a fraction of the reference): for 1 % write 0.01",
    )
  })
})

describe('wrong inputs', () => {
  it('are all reported at once, as a usage error', () => {
    const { kind, message, hint } = failure({
      sparsity: '50%',
      'fail-on': 'always',
      'retention-days': '0',
      'artifact-name': 'a/b',
      'max-drop': '-1',
    })
    expect(kind).toBe('usage')
    expect(message.split('\n')).toEqual([
      'action: 5 inputs are wrong:',
      expect.stringContaining("'sparsity' is '50%', expected a number from 0 to 1, such as 0.5: for 50 % write 0.5"),
      expect.stringContaining("'max-drop' is '-1'"),
      expect.stringContaining("'fail-on' is 'always', expected regression, error, never"),
      expect.stringContaining("'artifact-name' is 'a/b', which may not contain \"/\""),
      expect.stringContaining("'retention-days' is '0'"),
    ])
    expect(hint).toContain("correct the 'with:'")
  })

  it.each([
    ['sparsity', '1.5'],
    ['sparsity', 'NaN'],
    ['sparsity', '0x1'],
    ['ratio', '2'],
    ['target', 'macs'],
    ['target', 'macs=0'],
    ['target', 'bytes=1.5'],
    ['target', 'ratio=0.5'],
    ['threshold', '0'],
    ['threshold', 'small'],
    ['max-drop', 'Infinity'],
    ['recover', 'distil'],
    ['provider', 'gpu'],
    ['trust', 'yes'],
    ['comment', 'true'],
    ['upload', 'all'],
    ['retention-days', '2.5'],
  ])('%s: %s is refused with the value', (name, value) => {
    expect(failure({ [name]: value }).message).toContain(`'${name}' is '${value}'`)
  })

  it.each<[Record<string, string>, ActionTask]>([
    [{}, { kind: 'run' }],
    [{ shard: '2/8' }, { kind: 'shard', index: 2, count: 8 }],
    [
      { mode: 'plan', shards: '256' },
      { kind: 'plan', shards: 256 },
    ],
    [
      { mode: 'merge', 'shards-path': 'down/loaded' },
      { kind: 'merge', path: 'down/loaded' },
    ],
    [
      { mode: 'report', results: 'results.json' },
      { kind: 'report', path: 'results.json' },
    ],
  ])('%o is a task', (inputs, task) => {
    expect(read(inputs).task).toEqual(task)
  })

  it.each<[Record<string, string>, string]>([
    [{ shard: '9/8' }, "'shard' is '9/8', expected from 1/8 to 8/8"],
    [{ shard: '0/8' }, "'shard' is '0/8'"],
    [{ shard: '1/257' }, 'of at most 256'],
    [{ mode: 'plan' }, "'mode' is plan, and 'shards' is missing"],
    [{ mode: 'plan', shards: '0' }, "'shards' is '0', expected a whole number from 1 to 256"],
    [{ mode: 'merge' }, "'mode' is merge, and 'shards-path' is missing"],
    [{ mode: 'report' }, "'mode' is report, and 'results' is missing"],
    [{ mode: 'merge', 'shards-path': 'x', shard: '1/2' }, "'shard' is '1/2', and 'mode' is merge: it belongs to mode run"],
    [{ mode: 'judge' }, "'mode' is 'judge', expected run, plan, merge, report"],
  ])('%o is refused', (inputs, message) => {
    expect(failure(inputs)).toMatchObject({ kind: 'usage', message: expect.stringContaining(message) })
  })

  it('ratio: 0.3 is for structures that cut', () => {
    expect(read({ structure: 'channel', ratio: '0.3' }).run.values).toEqual({ structure: 'channel', ratio: 0.3 })
  })

  it('target: macs=0.5 is what may remain, for structures that cut', () => {
    expect(read({ structure: 'channel', target: 'macs = 0.5' }).run.values).toEqual({
      structure: 'channel',
      target: { macs: 0.5 },
    })
  })

  it('one target is enough', () => {
    expect(failure({ ratio: '0.3', target: 'bytes=0.5' }).message).toContain(
      'ratio 0.3 and target bytes=0.5 contradict each other',
    )
  })

  it('mode: run is what happens anyway', () => {
    expect(read({ mode: 'run' }).run.values).toEqual({})
  })

  it('provider: where ONNX Runtime computes', () => {
    expect(read({ provider: 'webgpu' }).run.values).toEqual({ provider: 'webgpu' })
  })

  it('recover: retrain goes with training data', () => {
    const run = { recover: 'retrain', train: 'train.npz' }
    expect(read({ recover: 'retrain', train: 'train.npz' }).run.values).toEqual(run)
  })

  it('recover: repair goes with calibration data', () => {
    const run = { recover: 'repair', calibrate: ['data.npz'] }
    expect(read({ recover: 'repair', calibrate: 'data.npz' }).run.values).toEqual(run)
  })
})
