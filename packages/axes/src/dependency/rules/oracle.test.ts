import { createRequire } from 'node:module'
import {
  editGraph,
  editModel,
  editTensor,
  type Model,
  makePayload,
  makeValueInfo,
  modelBytes,
  type Tensor,
  withTensors,
} from '@pare/onnx'
import type { Tensor as Value } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { type Axis, atomsOf, unitsAlong } from '../axis.js'
import { type Dependencies, findDependencies } from '../dependencies.js'
import { between, image, type Tiny, tinyModel } from './rules.test.support.js'

// The rules against what ONNX Runtime computes: other numbers in one unit of every constant change nothing outside that unit, until it is summed over.

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

const heads = (nodes: string, constants = 'float[5, 32] q, float[5, 32] k, float[5, 32] v'): Tiny => ({
  inputs: 'float[N, S, 5] x',
  constants: `${constants}, float[32, 2] o`,
  nodes: `a = MatMul(x, q)\n b = MatMul(x, k)\n c = MatMul(x, v)\n ${nodes}\n y = MatMul(z, o)`,
  opset: 23,
})

const GROUPED = 'float[5, 32] q, float[5, 16] k, float[5, 16] v'

describe('a unit stays where the rules say it is', () => {
  test.each<[string, Tiny]>([
    ['FusedMatMul', between('k = com.microsoft.FusedMatMul<transB = 1>(h, t)', 'float[6, 8] t', 6)],
    [
      'FusedGemm',
      between('k = com.microsoft.FusedGemm<activation = "Relu", transB = 1>(h, t, c)', 'float[6, 8] t, float[6] c', 6),
    ],
    ['Einsum', between('k = Einsum<equation = "nk,mk->nm">(h, t)', 'float[6, 8] t', 6)],
    ['PRelu', between('k = PRelu(h, s)', 'float[8] s')],
    ['Where', between('c = Greater(h, s)\n k = Where(c, h, s)', 'float[8] s')],
    ['Tile', between('k = Tile(h, n)', 'int64[2] n = {1, 3}', 24)],
    ['Tile of rows', between('k = Tile(h, n)', 'int64[2] n = {2, 1}')],
    ['CumSum', between('k = CumSum(h, n)', 'int64 n = {-2}')],
    ['TopK', between('k, i = TopK<axis = 0>(h, n)', 'int64[1] n = {2}')],
    ['ArgMax', between('i = ArgMax<axis = 0, keepdims = 0>(h)\n j = Cast<to = 1>(i)\n k = Add(h, j)')],
    ['GatherElements', between('k = GatherElements<axis = 0>(h, n)', 'int64[1, 8] n = {0, 2, 1, 0, 2, 1, 0, 2}')],
    ['GatherND', between('k = GatherND(h, n)', 'int64[2, 1] n = {2, 0}')],
    ['ScatterND', between('k = ScatterND(h, n, u)', 'int64[1, 1] n = {1}, float[1, 8] u')],
    ['ScatterElements', between('k = ScatterElements(h, n, u)', 'int64[1, 8] n = {0, 2, 1, 0, 2, 1, 0, 2}, float[1, 8] u')],
    ['Slice', between('k = Slice(h, s, e, a)', 'int64[1] s = {-6}, int64[1] e = {-2}, int64[1] a = {-1}', 4)],
    ['Split', between('p, q = Split<axis = -1, num_outputs = 2>(h)\n k = Mul(p, q)', '', 4)],
    ['Concat', between('r = Relu(h)\n k = Concat<axis = 1>(h, r)', '', 16)],
    [
      'Reshape and Transpose',
      between(
        'p = Reshape(h, n)\n q = Transpose<perm = [0, 2, 1]>(p)\n k = Reshape(q, m)',
        'int64[3] n = {0, 2, 4}, int64[2] m = {0, 8}',
      ),
    ],
    ['FusedConv', image('k = com.microsoft.FusedConv<activation = "Relu">(h, t, b, h)', 'float[8, 8, 1, 1] t, float[8] b')],
    ['a grouped Conv', image('k = Conv<group = 2>(h, t)', 'float[6, 4, 1, 1] t', 6)],
    ['a depthwise Conv', image('k = Conv<group = 8>(h, t)', 'float[16, 1, 1, 1] t', 16)],
    ['a grouped ConvTranspose', image('k = ConvTranspose<group = 2>(h, t)', 'float[8, 3, 1, 1] t', 6)],
    ['InstanceNormalization', image('k = InstanceNormalization(h, s, s)', 'float[8] s')],
    ['Pad', image('k = Pad<mode = "reflect">(h, n)', 'int64[8] n = {0, 0, 1, 1, 0, 0, 1, 1}')],
    ['Resize', image('k = Resize<mode = "cubic">(h, , s)', 'float[4] s = {1, 1, 2, 2}')],
    ['DepthToSpace, DCR', image('k = DepthToSpace<blocksize = 2>(h)', '', 2)],
    ['DepthToSpace, CRD', image('k = DepthToSpace<blocksize = 2, mode = "CRD">(h)', '', 2)],
    ['SpaceToDepth', image('k = SpaceToDepth<blocksize = 2>(h)', '', 32)],
    ['LRN', image('k = LRN<size = 3>(h)')],
    [
      'com.microsoft.Attention',
      {
        ...heads(''),
        constants: 'float[5, 96] w, float[96] b, float[32, 2] o',
        nodes: 'z = com.microsoft.Attention<num_heads = 4>(x, w, b)\n y = MatMul(z, o)',
      },
    ],
    [
      'MultiHeadAttention',
      heads(
        'z = com.microsoft.MultiHeadAttention<num_heads = 4>(a, b, c, d)',
        'float[5, 32] q, float[5, 32] k, float[5, 32] v, float[96] d',
      ),
    ],
    [
      'GroupQueryAttention',
      heads(
        'z = com.microsoft.GroupQueryAttention<num_heads = 4, kv_num_heads = 2>(a, b, c, , , l, t)',
        `${GROUPED}, int32[3] l = {6, 6, 6}, int32 t = {7}`,
      ),
    ],
    ['Attention, grouped', heads('z = Attention<q_num_heads = 4, kv_num_heads = 2>(a, b, c)', GROUPED)],
    [
      'Attention with a mask for each head',
      heads(
        'z = Attention<q_num_heads = 4, kv_num_heads = 4>(a, b, c, m)',
        'float[5, 32] q, float[5, 32] k, float[5, 32] v, float[4, 7, 7] m',
      ),
    ],
    [
      'RotaryEmbedding',
      heads(
        'r = com.microsoft.RotaryEmbedding<num_heads = 4>(a, i, e, e)\n z = com.microsoft.MultiHeadAttention<num_heads = 4>(r, b, c)',
        'float[5, 32] q, float[5, 32] k, float[5, 32] v, float[9, 4] e, int64[1] i = {0}',
      ),
    ],
    [
      'RotaryEmbedding of ai.onnx',
      heads(
        'r = RotaryEmbedding<num_heads = 4>(a, e, e)\n z = com.microsoft.MultiHeadAttention<num_heads = 4>(r, b, c)',
        'float[5, 32] q, float[5, 32] k, float[5, 32] v, float[3, 7, 4] e',
      ),
    ],
  ])('%s', async (title, tiny) => {
    const { checked, strayed } = await tryUnits(tinyModel(tiny))
    expect(strayed).toEqual([])
    if (title === 'LRN') expect(checked).toBe(0)
    else expect(checked).toBeGreaterThan(0)
  })
})

/** How many atoms were tried, and the values that changed outside the unit. */
async function tryUnits(model: Model): Promise<{ checked: number; strayed: string[] }> {
  const dependencies = await findDependencies(model)
  const shown = exposed(model, dependencies)
  const before = await run(shown)
  const strayed: string[] = []
  let checked = 0
  for (const atom of freeAtoms(dependencies)) {
    checked++
    for (const unit of [0, atom.size - 1]) {
      const after = await run(await perturbed(shown, dependencies, { atom, unit }))
      const summed = afterSums(model, dependencies, atom)
      for (const [name, value] of Object.entries(after))
        if (!summed.has(name) && strays(value, before[name]!, { axes: dependencies.values.get(name)!, atom, unit }))
          strayed.push(`${name} of ${atom.size}`)
    }
  }
  return { checked, strayed }
}

function freeAtoms({ constants }: Dependencies): Axis[] {
  const atoms = new Set(constants.flatMap(({ axes }) => axes.flatMap((axis) => [...atomsOf(axis)])))
  return [...atoms].filter(({ pin, size, roles }) => pin === undefined && size > 1 && roles.size > 0 && !roles.has('norm'))
}

/** The model with every value an output. */
function exposed(model: Model, { values }: Dependencies): Model {
  const inputs = new Set([...model.graph.inputs, ...model.graph.outputs].map(({ name }) => name))
  const names = model.graph.nodes.flatMap(({ outputs }) => outputs).filter((name) => values.has(name) && !inputs.has(name))
  const outputs = names.map((name) => makeValueInfo({ name }))
  return editModel(model, { graph: editGraph(model.graph, { outputs: [...model.graph.outputs, ...outputs] }) })
}

async function run(model: Model): Promise<Record<string, Value>> {
  const session = await runtime.InferenceSession.create(await modelBytes(model), {
    logSeverityLevel: 3,
    graphOptimizationLevel: 'disabled',
  })
  const feeds = model.graph.inputs.map(({ name, shape = [] }) => {
    // What the analysis takes for the first two symbols.
    const sizes = shape.map((size) => (typeof size === 'number' ? size : size === 'N' ? 3 : 7))
    const data = Float32Array.from({ length: sizes.reduce((a, b) => a * b) }, (_, i) => Math.sin(7.3 * i + 1))
    return [name, new runtime.Tensor(data, sizes)]
  })
  return (await session.run(Object.fromEntries(feeds) as Record<string, Value>)) as Record<string, Value>
}

interface Unit {
  readonly atom: Axis
  readonly unit: number
}

/** Other numbers wherever a constant has the unit. */
async function perturbed(model: Model, { constants }: Dependencies, { atom, unit }: Unit): Promise<Model> {
  const changed = new Map<string, Tensor>()
  for (const { id, tensor, axes } of constants) {
    if (tensor.type !== 'float32' || !axes.some((axis) => atomsOf(axis).has(atom))) continue
    const bytes = new Uint8Array(tensor.data.byteLength)
    await tensor.data.read(bytes, 0)
    const numbers = new Float32Array(bytes.buffer)
    for (const i of positions(axes, { atom, unit })) numbers[i] = numbers[i]! * -1.7 + 0.3
    changed.set(id, editTensor(tensor, { data: makePayload(bytes) }))
  }
  return withTensors(model, (tensor, id) => changed.get(id) ?? tensor)
}

/** Row-major positions of the elements that belong to a unit. */
function positions(axes: readonly Axis[], { atom, unit }: Unit): Set<number> {
  const along = axes.map((axis) => unitsAlong(axis, atom))
  const places = new Set<number>()
  const count = along.reduce((all, units) => all * units.length, 1)
  for (let i = 0; i < count; i++) {
    let rest = i
    for (const units of along.toReversed()) {
      if (units[rest % units.length] === unit) places.add(i)
      rest = Math.floor(rest / units.length)
    }
  }
  return places
}

/** Values that depend on a sum over the atom. */
function afterSums({ graph }: Model, { contractions }: Dependencies, atom: Axis): Set<string> {
  const sums = new Set(contractions.filter(({ along }) => atomsOf(along).has(atom)).map(({ node }) => node))
  const names = new Set<string>()
  for (const node of graph.nodes)
    if (sums.has(node) || node.inputs.some((name) => names.has(name))) for (const name of node.outputs) names.add(name)
  return names
}

function strays(after: Value, before: Value, { axes, atom, unit }: Unit & { axes: readonly Axis[] }): boolean {
  const [a, b] = [after, before].map(({ data }) => Array.from(data as ArrayLike<number | bigint>, Number)) as [number[], number[]]
  expect(after.dims).toEqual(axes.map(({ size }) => size))
  const within = positions(axes, { atom, unit })
  return a.some((value, i) => !within.has(i) && Math.abs(value - b[i]!) > 1e-6)
}
