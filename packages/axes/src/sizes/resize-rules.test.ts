import { createRequire } from 'node:module'
import { type Model, modelBytes } from '@pare/onnx'
import type { Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { cut } from '../cut/cut.js'
import { gated } from '../cut/gated.js'
import { type Axis, atomsOf } from '../dependency/axis.js'
import { type Dependencies, findDependencies } from '../dependency/dependencies.js'
import { between, image, type Tiny, tinyModel } from '../dependency/rules/rules.test.support.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')

/** headDim 8 for 4 heads, or 16 for grouped ones: ONNX Runtime wants a multiple of 8. */
const attention = (nodes: string, constants: string): Tiny => ({ inputs: 'float[N, S, 5] x', constants, nodes, opset: 23 })
const three = (nodes: string, constants: string) =>
  attention(`a = MatMul(x, q)\n b = MatMul(x, k)\n c = MatMul(x, v)\n ${nodes}\n y = MatMul(z, o)`, constants)
const EQUAL = 'float[5, 32] q, float[5, 32] k, float[5, 32] v, float[32, 2] o'
const GROUPED = 'float[5, 64] q, float[5, 32] k, float[5, 32] v, float[64, 2] o'
const LENGTHS = 'int32[3] l = {6, 6, 6}, int32 t = {7}'

test.each<[string, Tiny, number]>([
  ['Tile', between('k = Tile(h, n)', 'int64[2] n = {1, 3}', 24), 2],
  ['a grouped ConvTranspose', image('k = ConvTranspose<group = 2>(h, t)', 'float[8, 3, 1, 1] t', 6), 3],
  ['Resize to sizes', image('k = Resize(h, , , n)', 'int64[4] n = {3, 8, 8, 8}'), 1],
  [
    'com.microsoft.Attention',
    attention(
      'z = com.microsoft.Attention<num_heads = 4>(x, w, b)\n y = MatMul(z, o)',
      'float[5, 96] w, float[96] b, float[32, 2] o',
    ),
    1,
  ],
  [
    'com.microsoft.Attention of unequal sizes',
    attention(
      'z = com.microsoft.Attention<num_heads = 4, qkv_hidden_sizes = [16, 16, 32]>(x, w, b)\n y = MatMul(z, o)',
      'float[5, 64] w, float[64] b, float[32, 2] o',
    ),
    1,
  ],
  ['MultiHeadAttention', three('z = com.microsoft.MultiHeadAttention<num_heads = 4>(a, b, c, d)', `${EQUAL}, float[96] d`), 1],
  [
    'GroupQueryAttention',
    three('z = com.microsoft.GroupQueryAttention<num_heads = 4, kv_num_heads = 2>(a, b, c, , , l, t)', `${GROUPED}, ${LENGTHS}`),
    2,
  ],
  [
    'GroupQueryAttention, packed',
    attention(
      'a = MatMul(x, w)\n z = com.microsoft.GroupQueryAttention<num_heads = 4, kv_num_heads = 2>(a, , , , , l, t)\n y = MatMul(z, o)',
      `float[5, 128] w, float[64, 2] o, ${LENGTHS}`,
    ),
    2,
  ],
  ['Attention of ai.onnx', three('z = Attention<q_num_heads = 4, kv_num_heads = 2>(a, b, c)', GROUPED), 2],
  [
    'RotaryEmbedding',
    three(
      'r = com.microsoft.RotaryEmbedding<num_heads = 4>(a, i, e, e)\n z = com.microsoft.MultiHeadAttention<num_heads = 4>(r, b, c)',
      `${EQUAL}, float[9, 4] e, int64[1] i = {0}`,
    ),
    1,
  ],
])('%s: cut, it computes what it computes with the unit at zero', async (_, tiny, groups) => {
  const model = tinyModel(tiny)
  const dependencies = await findDependencies(model)
  const atoms = freeAtoms(dependencies)
  expect(atoms.length).toBe(groups)
  for (const atom of atoms) {
    const removals = new Map([[atom, Uint8Array.from({ length: atom.size }, (_, unit) => (unit === 1 ? 1 : 0))]])
    const [expected, actual] = [
      await run(gated(model, dependencies, removals)),
      await run(await cut(model, dependencies, removals)),
    ]
    expect(actual.length).toBe(expected.length)
    expect(Math.max(...expected.map((value, i) => Math.abs(value - actual[i]!)))).toBeLessThan(1e-5)
  }
})

function freeAtoms({ constants }: Dependencies): Axis[] {
  const atoms = new Set(constants.flatMap(({ axes }) => axes.flatMap((axis) => [...atomsOf(axis)])))
  return [...atoms].filter(({ pin, size, roles }) => pin === undefined && size > 1 && roles.size > 0)
}

async function run(model: Model): Promise<number[]> {
  const session = await runtime.InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
  const [{ name, shape = [] }] = model.graph.inputs as [(typeof model.graph.inputs)[number]]
  const sizes = shape.map((size) => (typeof size === 'number' ? size : size === 'N' ? 3 : 7))
  const data = Float32Array.from({ length: sizes.reduce((a, b) => a * b) }, (_, i) => Math.sin(7.3 * i + 1))
  const { y } = (await session.run({ [name]: new runtime.Tensor(data, sizes) })) as { y: Tensor }
  return Array.from(y.data as Float32Array)
}
