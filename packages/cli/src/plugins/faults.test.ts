import { join } from 'node:path'
import { parseText, writeModel } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { pare } from '../testing/terminal.js'

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
    [element(whole.replace('free', 'ring')), `find gave a group 'a' with the pattern {"kind":"ring"}; a kind of free, nm, tile`],
    [
      element(whole.replace("'mask'", "'coupled'")),
      `find gave a group 'a' of kind 'coupled'; 'mask', as the structure's kind is,`,
    ],
    [element(whole, `{ id: 'a' }`), 'find declined {"id":"a"}; an id and a reason'],
    [`{ name: 'odd', kind: 'trim', find: () => ({ groups: [], declined: [] }) }`, 'its kind is "trim"; mask or cut'],
  ])('%s', async (plugin, message) => {
    const options = plugin.includes('trim') ? [] : ['--sparsity', '0.5']
    expect(await say('structure', plugin, options)).toContain(`structure 'odd' (pare-structure-odd 1.2.3): ${message}`)
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
