import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Config, configSchema } from '../../options/config.js'
import { checkShape, formatPlace, formatProblems } from './config-problems.js'

const problemsOf = (config: unknown) => checkShape(config).problems.map(({ place, message }) => `${place}: ${message}`)

describe('the shape of a config', () => {
  it.each<[string, unknown, string]>([
    ['a number as text', { seed: '1' }, 'seed: is "1"; expected a whole number from 0 to 4294967295.'],
    ['a fraction as seed', { seed: 1.5 }, 'seed: is 1.5; expected a whole number from 0 to 4294967295.'],
    [
      'one model alone',
      { models: { path: 'm' } },
      'models: is {"path":"m"}; expected a list of models, each such as { path: \'model.onnx\' }.',
    ],
    [
      'a model without a path',
      { models: [{}] },
      "models[0].path: is missing; expected an ONNX file such as 'models/classifier.onnx', a folder as Hugging Face has it, or a glob of several files.",
    ],
    [
      'no step',
      { prune: [] },
      "prune: is []; expected a list of pruning steps, at least one, or a preset such as { preset: 'cnn' }.",
    ],
    [
      'a step that is not in a list',
      { prune: { criterion: 'magnitude' } },
      'prune: is {"criterion":"magnitude"}; expected a list of pruning steps, at least one, or a preset such as { preset: \'cnn\' }.',
    ],
    [
      'a scope nobody knows',
      { prune: [{ scope: 'layer' }] },
      "prune[0].scope: is \"layer\"; expected 'row', 'tensor' or 'global', for structures that cut 'group' or 'global'.",
    ],
    [
      'a criterion that is a number',
      { prune: [{ criterion: 3 }] },
      "prune[0].criterion: is 3; expected a plugin by name ('magnitude', 'magnitude:p=2') or an imported one.",
    ],
    [
      'one glob alone',
      { prune: [{ exclude: 'a' }] },
      'prune[0].exclude: is "a"; expected a list of globs over names of nodes or tensors, such as [\'/lm_head/*\'].',
    ],
    [
      'a batch of 0',
      { evaluate: { batch: 0 } },
      'evaluate.batch: is 0; expected a whole number of samples run together, such as 32.',
    ],
    [
      'NaN',
      { prune: [{ target: { sparsity: Number.NaN } }] },
      'prune[0].target: is {"sparsity":"NaN"}; expected one of { sparsity: 0.5 }, { threshold: 0.01 }, { maxDrop: 0.01 } or, for structures that cut, { ratio: 0.3 }, { macs: 0.5 }, { parameters: 0.5 }, { bytes: 0.5 }, { latency: 0.5 }.',
    ],
    [
      'a budget of nothing',
      { prune: [{ target: { macs: 0 } }] },
      'prune[0].target.macs: is 0; expected a fraction above 0 and up to 1, such as 0.5.',
    ],
    [
      'a preset with an option that is none',
      { prune: { preset: 'cnn', sparsity: 0.3 } },
      "prune.sparsity: 'sparsity' is not an option.",
    ],
    [
      'a preset with a wrong ratio',
      { prune: { preset: 'cnn', ratio: 2 } },
      'prune.ratio: is 2; expected a number from 0 to 1, such as 0.5.',
    ],
    ['a slip of the pen deep inside', { evaluate: { metrics: 'f1' } }, "evaluate.metrics: 'metrics' is not an option."],
    [
      'how a model is retrained',
      { recover: { retrain: { learningRate: 0 } } },
      'recover.retrain.learningRate: is 0; expected a number above 0, such as 0.001.',
    ],
    [
      'a field of retraining that is none',
      { recover: { retrain: { lerningRate: 1 } } },
      "recover.retrain.lerningRate: 'lerningRate' is not an option.",
    ],
    [
      'a schedule',
      { schedule: { kind: 'iterative', steps: 0 } },
      'schedule.steps: is 0; expected a whole number of steps, such as 5.',
    ],
  ])('%s is told with place, value and what was expected', (_, config, expected) => {
    expect(problemsOf(config)).toEqual([expected])
  })

  it('is right with every field there is', () => {
    const plugin = { name: 'mine', needs: {}, saliency: () => ({ expression: { op: 'weight' } as const }) }
    const config: Config = {
      $schema: './schema.json',
      seed: 0,
      models: [
        {
          path: 'a.onnx',
          prune: [
            { criterion: plugin, structure: 'element', target: { threshold: 1 }, scope: 'row', include: ['a'], exclude: [] },
          ],
        },
      ],
      prune: [
        { criterion: { name: 'magnitude', p: 2 }, target: { ratio: 0.1 } },
        { target: { macs: 0.5 }, scope: 'group', norm: 'l2', minUnits: 2, multipleOf: 8, uniform: true },
      ],
      evaluate: {
        ...{ data: 'a', metric: ['f1'], batch: 1, threads: 2, label: 'y', output: 'o' },
        ...{ tokenizer: 't', length: 8, stride: 4, field: 'f', timeout: 1.5, memory: 100 },
      },
      train: { data: 't', label: 'y', output: 'o', threads: 2, tokenizer: 't', length: 8, field: 'f' },
      loss: 'kl',
      recover: {
        repair: true,
        retrain: {
          ...{ steps: 100, batch: 8, accumulate: 2, optimizer: { name: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0 } },
          ...{ learningRate: 0.1, schedule: 'linear', warmup: 10, clip: 1, evaluateEvery: 10, patience: 3, holdOut: 0.1 },
          ...{
            statistics: 'keep',
            include: ['a'],
            exclude: ['b'],
            movement: { sparsity: 0.9, curve: 'cubic', until: 0.5, times: 4 },
          },
          distill: { temperature: 2, weight: 0.5, hidden: [['a', 'b']], hiddenWeight: 1, blocks: false },
        },
      },
      schedule: { kind: 'iterative', steps: 5, curve: 'exponential' },
      gate: { maxDrop: { relative: 0.1 }, min: 0, max: 1, certainty: 0.9 },
    }
    expect(checkShape(config)).toEqual({ problems: [], rest: config })
    // A plugin object must come through unharmed: it has functions.
    const steps = (checkShape(config).rest as Config).models?.[0]?.prune
    expect(Array.isArray(steps) && steps[0]?.criterion).toBe(plugin)
  })

  it('keeps what is right, in its place, when something else is wrong', () => {
    const { rest } = checkShape({
      seed: -1,
      models: [
        { path: 3, evaluate: { data: 'a' } },
        { path: 'b', wrong: 1 },
      ],
    })
    expect(rest).toEqual({ models: [{ evaluate: { data: 'a' } }, { path: 'b' }] })
  })

  it('never throws, and what it lets through is right', () => {
    const field = fc.constantFrom(
      'models',
      'path',
      'prune',
      'evaluate',
      'gate',
      'seed',
      'target',
      'sparsity',
      'criterion',
      'metric',
      'data',
      '__proto__',
    )
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(null, 1, 0.5, 'a', true, Number.NaN),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(field, tie('tree'), { maxKeys: 4 }),
      ),
    }))
    fc.assert(
      fc.property(tree, (config) => {
        const { problems, rest } = checkShape(config)
        expect(formatProblems(problems)).toBeTypeOf('string')
        const again = configSchema.safeParse(rest ?? {})
        const left = (again.error?.issues ?? []).filter(({ path }) => !path.includes('gate'))
        // Only fields that are missing now may still be told.
        for (const issue of left) expect(issue.code).toMatch(/invalid_type|invalid_union|too_small/)
      }),
      { numRuns: 500 },
    )
  })
})

it('places read like code', () => {
  expect(formatPlace(['models', 0, 'gate', 'maxDrop'])).toBe('models[0].gate.maxDrop')
  expect(formatPlace([])).toBe('')
})

describe('what the command line calls by another name', () => {
  it.each<[unknown, string]>([
    [{ prune: [{ sparsity: 0.5 }] }, 'target: { sparsity: … }'],
    [{ prune: { preset: 'cnn', sparsity: 0.5 } }, 'target: { sparsity: … }'],
    [{ sparsity: 0.5 }, 'prune: [{ target: { sparsity: … } }]'],
    [{ models: [{ path: 'm.onnx', maxDrop: 0.01 }] }, 'gate: { maxDrop: … }'],
    [{ metric: 'f1' }, 'evaluate: { metric: … }'],
    [{ tokenizer: 'tokenizer.json' }, 'evaluate: { tokenizer: … }'],
  ])('%j', (config, written) => {
    expect(checkShape(config).problems.map(({ hint }) => hint)).toEqual([`in a config it is written ${written}`])
  })
})

it('a config of thousands of mistakes is told of by the first ones, in time that is proportional to it', () => {
  const { problems, rest } = checkShape({
    models: [],
    ...Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, 1])),
  })
  expect(problems).toHaveLength(21)
  expect(problems[0]).toMatchObject({ place: 'k0', message: "'k0' is not an option." })
  expect(problems.at(-1)).toEqual({ place: '', message: 'and 19980 more problems.' })
  expect(rest).toEqual({})
  expect(checkShape({ models: Array(5000).fill({ path: 1 }) }).problems).toHaveLength(21)
})

it('a key that is a text of its own is cut short, and not compared with options', () => {
  const [problem] = checkShape({ models: [], ['x'.repeat(100_000)]: 1 }).problems
  expect(problem).toMatchObject({ place: `${'x'.repeat(79)}…`, hint: expect.stringMatching(/^options here: /) })
})
