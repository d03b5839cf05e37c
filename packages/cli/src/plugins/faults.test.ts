import { join } from 'node:path'
import type { Ops, Probe, TracedValue, WeightProblem } from '@pare/core'
import { parseText, writeModel } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'
import { firstPartyNames, resolveCriterion, resolvePreset, resolveStructure } from './plugins.js'

const ABS = 'saliency: ({ weight }, ops) => ops.abs(weight)'
const MEAN = `{ at: 'input', reduce: 'mean' }`

/** What `pare plan` says with a plugin whose factory gives this. */
async function say(kind: 'criterion' | 'structure' | 'preset', plugin: string, options: readonly string[] = []) {
  const name = `pare-${kind}-odd`
  await using folder = await fixture(undefined, {
    [`node_modules/${name}/package.json`]: JSON.stringify({ name, version: '1.2.3', type: 'module', exports: './index.js' }),
    [`node_modules/${name}/index.js`]: `export default () => (${plugin})`,
    'inputs.jsonl': '{"x":[1,2,3,4]}\n{"x":[4,3,2,1]}\n',
  })
  const model = parseText(
    'g (float[N, 4] x) => (float[N, 4] y) <float[4, 6] a = {1, -2, 3, 4, 5, 6, 7, -8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, -2, 3, 4, 5, 6}, float[6, 4] b = {1, 2, 3, -4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, -1, 2, 3, 4, 5, 6}> { h = MatMul(x, a) r = Relu(h) y = MatMul(r, b) }',
  )
  await writeModel(model, join(folder.path, 'tiny.onnx'))
  const { exitCode, stderr } = await pare(['plan', 'tiny.onnx', '--quiet', `--${kind}`, 'odd', ...options], { cwd: folder.path })
  expect(exitCode).toBe(2)
  return stderr
}

const TOLD = 'hint: this is a fault of the plugin, neither of your model nor of Pare'

describe('a fault of a criterion is told with its name, its package and what was expected', () => {
  it.each([
    [`needs: {}, saliency: () => { throw new TypeError('no') }`, 'saliency threw TypeError: no; a result'],
    [`needs: {}, saliency: () => 3`, 'saliency gave 3; a value made by ops, such as ops.abs(weight) was expected'],
    [`needs: {}, saliency: ({ weight }, ops) => ops.cosh(weight)`, 'it asks for ops.cosh; one of constant, random, abs, square'],
    [`needs: {}, saliency: ({ stats }) => stats.squares`, 'it asks for stats.squares; one of none, since needs is empty,'],
    [`needs: { a: { at: 'inputs', reduce: 'mean' } }, ${ABS}`, 'needs.a.at is "inputs"; one of input, output, gradient'],
    [`needs: { a: { at: 'input', reduce: 'median' } }, ${ABS}`, 'needs.a.reduce is "median"; one of mean, max, variance, gram'],
    [`needs: {}, scope: 'layer', ${ABS}`, 'its scope is "layer"; one of row, tensor, group, global'],
    [`needs: {}, scpoe: 'row', ${ABS}`, `it has a member 'scpoe' ("row"); 'scope' was expected`],
    [
      `needs: {}, granularity: 4, ${ABS}`,
      `it has a member 'granularity' (4); one of kind, name, needs, scope, readersOnly, saliency`,
    ],
    [`needs: { a: { at: 'input', reduce: 'mean', off: 1 } }, ${ABS}`, `needs.a has a member 'off' (1); 'of' was expected`],
    [`kind: 'values', needs: {}, ${ABS}`, 'its kind is "values"; one of elements, solver, units, mask'],
  ])('%s', async (members, message) => {
    const told = await say('criterion', `{ name: 'odd', ${members} }`)
    expect(told).toContain(`criterion 'odd' (pare-criterion-odd 1.2.3): ${message}`)
    expect(told).toContain(TOLD)
  })

  const units = ['--structure', 'neuron', '--ratio', '0.5', '--calibrate', 'inputs.jsonl']
  it.each([
    ['async () => []', 'score gave scores for 0 groups; a Float64Array for each of 1 groups'],
    ['async () => [[1, 2]]', "score gave 'a:1' [1,2]; 6 numbers in a Float64Array, one for each unit,"],
    ['async () => [new Float64Array(2)]', "score gave 'a:1' 2 numbers; 6 numbers"],
    ['async () => [new Float64Array(6).fill(NaN)]', "score gave unit 0 of 'a:1' NaN; a number"],
    ['async () => { throw 3 }', 'score threw 3; a result'],
  ])('of units: %s', async (score, message) => {
    expect(await say('criterion', `{ kind: 'units', name: 'odd', score: ${score} }`, units)).toContain(
      `criterion 'odd' (pare-criterion-odd 1.2.3): ${message}`,
    )
  })

  it.each([
    ['neuron', '--ratio'],
    ['element', '--sparsity'],
    ['nm', undefined],
  ] as const)('saliencies that are no numbers, for structure %s', async (structure, target) => {
    const options = ['--structure', structure, ...(target === undefined ? [] : [target, '0.5'])]
    const told = await say('criterion', `{ name: 'odd', needs: {}, saliency: ({ weight }, ops) => ops.sqrt(weight) }`, options)
    expect(told).toContain("criterion 'odd' gave 'a' saliencies that are not finite numbers")
  })
})

describe('a fault of a structure', () => {
  const element = (group: string, declined = '') =>
    `{ name: 'odd', find: ({ weights }) => ({ groups: weights.map((weight) => (${group})), declined: [${declined}] }) }`
  const whole = `{ kind: 'mask', id: weight.id, weight, pattern: { kind: 'free' } }`
  it.each([
    [`{ name: 'odd', find: () => { throw new RangeError('no') } }`, 'find threw RangeError: no; a result'],
    [`{ name: 'odd', find: () => [] }`, 'find gave []; { groups: […], declined: […] }'],
    [
      `{ name: 'odd', find: (analysis) => { analysis.weights.pop(); return { groups: [], declined: [] } } }`,
      'find changed the analysis',
    ],
    [element(whole.replace('weight.id', "'same'")), "find gave a group 'same' twice; an id of its own for each"],
    [element(whole.replace('weight,', 'weight: { ...weight, id: 7 },')), "find gave a group 'a' with a weight of its own making"],
    [
      element(whole.replace('free', 'ring')),
      `find gave a group 'a' with the pattern {"kind":"ring"}; a kind of free, nm, tile, own`,
    ],
    [
      element(whole.replace("'mask'", "'coupled'")),
      `find gave a group 'a' of kind 'coupled'; 'mask', as the structure's kind is,`,
    ],
    [element(whole, `{ id: 'a' }`), 'find declined {"id":"a"}; an id and a reason'],
    [
      element(whole.replace("kind: 'free'", "kind: 'free', rows: 2")),
      `the pattern of group 'a' has a member 'rows' (2); 'kind' alone was expected`,
    ],
    [element(`{ ...${whole}, wieght: 1 }`), `group 'a' has a member 'wieght' (1); 'weight' was expected`],
    [
      element(whole, `{ id: 'a', structure: 'odd', reason: 'why', reasons: 2 }`),
      `what find declined, 'a', has a member 'reasons' (2); 'reason' was`,
    ],
    [`{ name: 'odd', find: () => ({ groups: [], declined: [], notes: 1 }) }`, `what find gave has a member 'notes' (1)`],
    [
      `{ name: 'odd', permute: { second: 1 }, find: () => ({ groups: [], declined: [] }) }`,
      `permute has a member 'second' (1); 'seconds' was expected`,
    ],
    [
      `{ name: 'odd', sparcity: 0.5, find: () => ({ groups: [], declined: [] }) }`,
      `it has a member 'sparcity' (0.5); 'sparsity' was`,
    ],
    [`{ name: 'odd', kind: 'trim', find: () => ({ groups: [], declined: [] }) }`, 'its kind is "trim"; mask or cut'],
  ])('%s', async (plugin, message) => {
    const options = plugin.includes('trim') ? [] : ['--sparsity', '0.5']
    expect(await say('structure', plugin, options)).toContain(`structure 'odd' (pare-structure-odd 1.2.3): ${message}`)
  })
})

describe('what a preset says that nobody reads is told with the preset, the step and the nearest name', () => {
  const find =
    '({ weights }) => ({ groups: weights.map((weight) => ({ kind: "mask", id: weight.id, weight, pattern: { kind: "free" } })), declined: [] })'
  const plugins = `structure: { name: 'all', find: ${find} }, criterion: { name: 'odd', needs: {}, ${ABS} }`
  it.each([
    ["target: { sparsity: 0.5 }, scpoe: 'row'", `step 1 has a member 'scpoe' ("row"); 'scope' was expected`],
    ["target: { sparsity: 0.5 }, recover: 'repair'", `step 1 has a member 'recover' ("repair"); one of structure, criterion,`],
    ['target: { sparsity: 0.5, ratio: 0.3 }', `target of step 1 has a member 'ratio' (0.3); 'sparsity' alone was expected`],
    ['target: { sparcity: 0.5 }', `target of step 1 has a member 'sparcity' (0.5); 'sparsity' was expected`],
    [
      'target: { sparsity: 0.5 }, allocation: { owl: { lamda: 1 } }',
      `allocation.owl of step 1 has a member 'lamda' (1); 'lambda' was expected`,
    ],
    [
      `target: { sparsity: 0.5 }, calibrated: { criterion: { name: 'odd', needs: {}, ${ABS} }, norms: 'l1' }`,
      `calibrated of step 1 has a member 'norms' ("l1"); 'norm' was expected`,
    ],
    [
      `target: { sparsity: 0.5 }, refit: { kind: 'solver', name: 'odd', needs: {}, refit: true, solve: async () => ({}) }`,
      `it has a member 'refit' (true); 'refits' was expected`,
    ],
  ])('%s', async (members, message) => {
    const stderr = await say('preset', `[{ ${plugins}, ${members} }]`)
    expect(stderr).toContain(`preset 'odd' (pare-preset-odd 1.2.3): ${message}`)
    expect(stderr).toContain(TOLD)
  })
})

it('a fault of a plugin within a preset is told with the preset', async () => {
  const step = `{ structure: { name: 'all', find: ({ weights }) => [] }, criterion: { name: 'odd', needs: {}, ${ABS} }, target: { sparsity: 0.5 } }`
  expect(await say('preset', `[${step}]`)).toContain("preset 'odd' (pare-preset-odd 1.2.3): find gave []")
})

describe('a fault of a solver', () => {
  const solve = async (body: string) => {
    const name = 'pare-criterion-odd'
    await using folder = await fixture(undefined, {
      [`node_modules/${name}/package.json`]: JSON.stringify({ name, version: '1.2.3', type: 'module', exports: './index.js' }),
      [`node_modules/${name}/index.js`]: `export default () => ({ kind: 'solver', name: 'odd', needs: { mean: ${MEAN} }, solve: async (problem) => { ${body} } })`,
    })
    const argv = [
      'plan',
      'model.onnx',
      '--quiet',
      '--criterion',
      'odd',
      '--sparsity',
      '0.5',
      '--calibrate',
      'val.npz',
      '--samples',
      '16',
    ]
    return (await pare(argv, { cwd: folder.path })).stderr
  }
  it.each([
    ['return 3', "solve gave '0.weight' 3; { weight: Float32Array, notes: [] }"],
    ['return { weight: problem.weight.slice(1), notes: [] }', "solve gave '0.weight' 16383 weights; 16384"],
    ['return { weight: problem.weight.fill(NaN), notes: [] }', "solve gave '0.weight' NaN at element 0; a finite number"],
    ['return { weight: problem.weight, notes: [] }', "solve gave '0.weight' 0 zeros; at least 8192"],
    [
      'return { weight: problem.weight.fill(0), notes: [], note: 1 }',
      "what solve gave '0.weight' has a member 'note' (1); 'notes' was expected",
    ],
    [
      'problem.stats.mean.fill(7); return { weight: problem.weight.fill(0), notes: [] }',
      "solve changed stats.mean of '0.weight'; a copy of it",
    ],
  ])('%s', async (body, message) => {
    expect(await solve(body)).toContain(`criterion 'odd' (pare-criterion-odd 1.2.3): ${message}`)
  })
})

it.each([
  ["of: () => 'right', combine: 'mean'", 'of gave "right"; a number, a list of numbers or undefined'],
  ["of: () => { throw new Error('no') }, combine: 'mean'", 'of threw Error: no; a result'],
  ['of: () => [1, 2], combine: () => [3]', 'combine gave [3]; a number'],
  ["of: () => 1, combine: 'mean', blnd: 1", "it has a member 'blnd' (1); 'blind' was expected"],
  ['of: () => 1, combine: { f2: () => 1 }', "combine has a member 'f2' (a function); 'f1' was expected"],
])('a fault of a metric: %s', async (members, message) => {
  const head =
    "name: 'odd', formula: 'as it likes', better: 'higher', bounded: true, needs: { read: 'answers', against: 'class' }"
  await using folder = await fixture(undefined, { 'odd.mjs': `export default () => ({ ${head}, ${members} })` })
  const argv = ['evaluate', 'model.onnx', '--data', 'val.npz', '--metric', './odd.mjs']
  const { stderr } = await pare(argv, { cwd: folder.path })
  expect(stderr).toContain("metric './odd.mjs' (")
  expect(stderr).toContain(`odd.mjs): ${message}`)
  expect(stderr).toContain(TOLD)
})

describe('a fault of what comes with Pare is told with its name, too, and as one of Pare', () => {
  const here = { folder: '/', trusted: false }
  const own = /^(criterion|structure|preset) '[\w:@/-]+' \(comes with Pare\): .*(threw|asks for)/
  const expectOwn = (error: unknown) => {
    expect(error).toMatchObject({ message: expect.stringMatching(own), hint: expect.stringContaining('this is a fault of Pare') })
  }
  const thrown = async (call: () => unknown) => {
    try {
      await call()
    } catch (error) {
      return error
    }
    throw new Error('nothing was thrown')
  }

  it.each(firstPartyNames('criterion'))('criterion %s', async (name) => {
    for (const written of [name, `@pare/criterion-${name}`]) {
      const criterion = await resolveCriterion(written, here)
      // Nothing that it is handed has what its contract promises.
      if ('saliency' in criterion) {
        const weight = {} as TracedValue
        expectOwn(await thrown(() => criterion.saliency({ weight, stats: {} }, {} as Ops)))
      } else if ('solve' in criterion) expectOwn(await thrown(() => criterion.solve({ stats: {} } as WeightProblem)))
      else if ('score' in criterion) expectOwn(await thrown(() => criterion.score(undefined as never, {} as Probe)))
    }
  })

  /** Lists that can be looked at once, which is what checks do before a structure finds something. */
  const analysis = () => {
    const looks = new Set<PropertyKey>()
    const graph = { nodes: [], inputs: [], outputs: [], initializers: [] }
    const target = { graph: graph as never, weights: [], coupled: [], blocks: [], parts: [], obstacles: [], notEligible: [] }
    return new Proxy(target, {
      get(lists, key) {
        if (looks.has(key)) throw new TypeError('no list')
        looks.add(key)
        return Reflect.get(lists, key)
      },
    })
  }

  it.each(firstPartyNames('structure'))('structure %s', async (name) => {
    const structure = await resolveStructure(name, here)
    expectOwn(await thrown(() => structure.find(analysis())))
  })

  it.each(firstPartyNames('preset'))('plugins of preset %s', async (name) => {
    for (const { structure } of await resolvePreset(name, here)) expectOwn(await thrown(() => structure.find(analysis())))
  })
})
