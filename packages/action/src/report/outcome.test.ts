import type { ModelResult, RunResults } from '@pare/report'
import { describe, expect, it } from 'vitest'
import { ActionFailure } from '../failure.js'
import {
  type ActionOutcome,
  annotationsOf,
  conclusionOf,
  exitCodeOf,
  failureAnnotations,
  headline,
  measuredOutputs,
  stepExitCode,
  verdictLines,
} from './outcome.js'

const passing: ModelResult = {
  path: 'a.onnx',
  verdict: 'pass',
  reasons: [],
  metric: 'accuracy',
  reference: { path: 'a.onnx', bytes: 1000, metrics: { accuracy: 0.98 } },
  pruned: { path: 'out/a.onnx', bytes: 750, metrics: { accuracy: 0.97 } },
  drop: { metric: 'accuracy', value: 0.01, interval: [0, 0.02], method: 'exact' },
  sparsity: { before: 0, after: 0.5 },
}
const failing: ModelResult = { ...passing, path: 'b.onnx', verdict: 'fail', reasons: ['accuracy drops by 0.5, allowed 0.01'] }
const unmeasured: ModelResult = {
  path: 'c.onnx',
  verdict: 'incomplete',
  reasons: ['no data'],
  reference: { path: 'c.onnx', bytes: 10, metrics: {} },
}

function run(...models: ModelResult[]): RunResults {
  return { schemaVersion: 1, command: 'run', verdict: models[0]?.verdict ?? 'incomplete', models }
}

describe('the exit code of the step', () => {
  it.each([
    // code:      pass fail usage infrastructure untrusted interrupted
    ['regression', [0, 1, 2, 3, 4, 130]],
    ['error', [0, 0, 2, 3, 4, 130]],
    ['never', [0, 0, 0, 0, 0, 130]],
  ] as const)('with fail-on %s is %j', (failOn, expected) => {
    expect([0, 1, 2, 3, 4, 130].map((code) => stepExitCode(code, failOn))).toEqual(expected)
  })

  it('of a failure is that of its kind', () => {
    const codes = (['usage', 'infrastructure', 'untrusted', 'interrupted'] as const).map((kind) =>
      exitCodeOf({ kind: 'failure', failure: new ActionFailure(kind, '') }),
    )
    expect(codes).toEqual([2, 3, 4, 130])
  })
})

describe('the output conclusion', () => {
  const results = (exitCode: number, results: RunResults): ActionOutcome => ({ kind: 'results', results, exitCode, folder: '' })
  it('is the verdict, or why there is none', () => {
    const outcomes = [results(0, run(passing)), results(1, run(failing)), results(3, run(unmeasured)), results(130, run(passing))]
    expect(outcomes.map(conclusionOf)).toEqual(['pass', 'fail', 'incomplete', 'cancelled'])
    expect(conclusionOf({ kind: 'failure', failure: new ActionFailure('usage', '') })).toBe('error')
    expect(conclusionOf({ kind: 'failure', failure: new ActionFailure('interrupted', '') })).toBe('cancelled')
  })
})

describe('the headline model', () => {
  it('is the worst one, and the first of equals', () => {
    const worse = { ...failing, path: 'd.onnx', drop: { ...failing.drop!, value: 0.2 } }
    expect(headline(run(passing, unmeasured, failing, worse))?.path).toBe('d.onnx')
    expect(headline(run(passing, unmeasured))?.path).toBe('c.onnx')
    expect(headline(run(passing, { ...passing, path: 'z.onnx' }))?.path).toBe('a.onnx')
    expect(headline(run())).toBeUndefined()
  })

  it('gives the outputs', () => {
    expect(measuredOutputs(run(passing))).toEqual({
      'metric-reference': '0.98',
      'metric-pruned': '0.97',
      'metric-drop': '0.01',
      sparsity: '0.5',
      'size-ratio': '0.75', // 750 ÷ 1000
    })
  })

  it('that was not measured gives none', () => {
    expect(measuredOutputs(run(unmeasured))).toEqual({})
  })
})

it('the log has a line for each model', () => {
  expect(verdictLines(run(passing, unmeasured))).toEqual(['a.onnx: pass, accuracy 0.98 → 0.97', 'c.onnx: incomplete'])
})

describe('annotations', () => {
  it('say which model and why', () => {
    expect(annotationsOf(run(failing, passing))).toEqual([
      { level: 'error', title: 'Pare: b.onnx fails the gate', message: 'accuracy drops by 0.5, allowed 0.01' },
    ])
  })

  it('carry the cure of an error', () => {
    const broken: ModelResult = {
      ...unmeasured,
      reasons: [],
      error: { kind: 'usage', message: 'is a pointer', hint: 'git lfs pull' },
    }
    expect(annotationsOf(run(broken))[0]?.message).toBe('is a pointer\n  hint: git lfs pull')
  })

  it('warn of data that cannot resolve the limit', () => {
    const small: ModelResult = { ...passing, warnings: ['slow'], resolution: { resolves: false, message: 'too small' } }
    expect(annotationsOf(run(small)).map(({ level, message }) => [level, message])).toEqual([
      ['warning', 'too small'],
      ['warning', 'slow'],
    ])
  })

  it('are at most five, and the last one counts the rest', () => {
    const annotations = annotationsOf(run(...Array.from({ length: 12 }, () => failing)))
    expect(annotations).toHaveLength(5)
    expect(annotations[4]?.message).toBe('8 more are in the job summary and in results.json') // 12 - 4
  })

  const at = { file: 'pare.config.yml', line: 12, column: 5 }

  it('stand at the line of the config that names the model', () => {
    const named: ModelResult = { ...failing, warnings: ['slow'], named: at }
    expect(annotationsOf(run(named), 'models/').map((each) => each.at)).toEqual(
      Array(2).fill({ ...at, file: 'models/pare.config.yml' }),
    )
    expect(annotationsOf(run(named), '../elsewhere')[0]).not.toHaveProperty('at')
  })

  it('stand at the lines of what is wrong in a config', () => {
    const problems = [
      { place: 'sede', message: "'sede' is not an option.", hint: "did you mean 'seed'?", at },
      { place: '', message: 'nowhere.' },
      { place: 'seed', message: 'elsewhere.', at: { ...at, file: '/home/me/pare.config.yml' } },
    ]
    expect(failureAnnotations(new ActionFailure('usage', 'three problems', { problems }))).toEqual([
      { level: 'error', title: 'Pare: the config', message: "sede: 'sede' is not an option.\n  hint: did you mean 'seed'?", at },
      { level: 'error', title: 'Pare: the config', message: 'nowhere.' },
      { level: 'error', title: 'Pare: the config', message: 'seed: elsewhere.' },
    ])
    const many = failureAnnotations(new ActionFailure('usage', 'many', { problems: Array(9).fill(problems[0]) }))
    expect([many.length, many[4]?.message]).toEqual([5, '5 more are in the job summary and in the log'])
    expect(failureAnnotations(new ActionFailure('usage', 'one', { hint: 'do it' }))).toEqual([
      { level: 'error', title: 'Pare', message: 'one\n  hint: do it' },
    ])
  })
})
