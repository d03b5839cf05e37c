import { analyseUnits, type Criterion, type CutStep, makePlan } from '@pare/core'
import { type Model, parseText } from '@pare/onnx'
import { testCutStructure } from '@pare/testing'
import { describe, expect, it, test } from 'vitest'
import { expert } from './index.js'

/** Two mixtures of `experts` experts of 4 hidden units, around a residual stream of width 6. */
function mixtures(experts: number, attributes: string, isGated = false): Model {
  const rows = isGated ? 8 : 4
  const layer = (n: number) => ({
    [`router${n}`]: [6, experts],
    [`first${n}`]: [experts, rows, 6],
    [`bias${n}`]: [experts, rows],
    [`second${n}`]: [experts, 6, 4],
  })
  const sizes: Record<string, number[]> = { table: [6, 6], ...layer(0), ...layer(1), head: [6, 5] }
  const block = (n: number, from: string, to: string) => `
    flat${n} = Reshape(${from}, rows)
    logits${n} = MatMul(flat${n}, router${n})
    mixed${n} = com.microsoft.MoE<${attributes}>(${from}, logits${n}, first${n}, bias${n}, second${n})
    ${to} = Add(${from}, mixed${n})`
  return parseText(
    `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
     mixtures (int64[N, T] ids) => (float[N, T, 5] y)
     <${Object.entries(sizes).map(([name, shape]) => `float[${shape}] ${name}`)}, int64[2] rows = {-1, 6}>
     { x = Gather(table, ids)
       ${block(0, 'x', 'z')}
       ${block(1, 'z', 'w')}
       y = MatMul(w, head) }`,
    Object.fromEntries(
      Object.entries(sizes).map(([name, shape], salt) => [
        name,
        Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(2.3 * i + salt)),
      ]),
    ),
  )
}

const SWIGLU = 'k = 2, activation_type = "swiglu", swiglu_fusion = 1, normalize_routing_weights = 1'

testCutStructure(expert, {
  models: {
    'one of 8 experts': () => mixtures(8, 'k = 1, activation_type = "gelu"'),
    'two of 8 experts, with SwiGLU': () => mixtures(8, SWIGLU, true),
  },
})

const criterion: Criterion = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }

describe('how many experts go', () => {
  const removed = async (ratio: number, scope?: 'global') => {
    const step = { structure: expert(), criterion, target: { ratio }, ...(scope && { scope }) }
    const { steps } = await makePlan(mixtures(8, 'k = 3'), [step], { seed: 1 })
    return (steps[0] as CutStep).groups.map((group) => group.removed.length)
  }

  it('follows the ratio, until as many are left as each token is sent to', async () => {
    expect(await removed(0.25)).toEqual([2, 2])
    expect(await removed(0.9)).toEqual([5, 5])
    expect(await removed(0.95, 'global')).toEqual([5, 5])
  })

  it('is none where every token is sent to all', async () => {
    const { groups, declined } = expert().find(await analyseUnits(mixtures(4, 'k = 4')))
    expect(groups).toEqual([])
    expect(declined.map(({ reason }) => reason)).toEqual([
      "MoE 'mixed0' chooses 4 of its positions",
      "MoE 'mixed1' chooses 4 of its positions",
    ])
  })
})

/** Two experts, a matrix each, of which the better one is taken: `nodes` make z of y0 and y1. */
function written(nodes: string): Model {
  const sizes = { router: [4, 3], a: [4, 4], b: [4, 4], c: [4, 4], head: [4, 2] }
  return parseText(
    `<ir_version: 8, opset_import: ["" : 17]>
     written (float[N, 4] x) => (float[N, 2] y)
     <${Object.entries(sizes).map(([name, shape]) => `float[${shape}] ${name}`)}, int64[1] one = {1}, int64 n0 = {0}, int64 n1 = {1}, int64 n2 = {2}, int64[1] last = {-1}>
     { scores = MatMul(x, router)
       shares = Softmax<axis = -1>(scores)
       largest, which = TopK(shares, one)
       ${['a', 'b', 'c'].map((weight, e) => `is${e} = Equal(which, n${e})\n to${e} = Cast<to = 1>(is${e})\n y${e} = MatMul(x, ${weight})\n z${e} = Mul(y${e}, to${e})`).join('\n')}
       ${nodes}
       w = Mul(z, largest)
       y = MatMul(w, head) }`,
    Object.fromEntries(
      Object.entries(sizes).map(([name, [rows = 0, columns = 0]]) => [
        name,
        Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i * 1.3 + rows)),
      ]),
    ),
  )
}

testCutStructure(expert, { models: { 'written out experts': () => written('s = Add(z0, z1)\n z = Add(s, z2)') } })

describe('experts that are written out', () => {
  test('have the weights of their stretch of the graph', async () => {
    const { groups } = expert().find(await analyseUnits(written('z = Sum(z0, z1, z2)')))
    const slices = groups.flatMap((group) => (group.kind === 'coupled' ? group.slices : []))
    expect(slices.map(({ id, units }) => `${id} ${[...units]}`)).toEqual(['router 0,1,2', 'a 0,0,0,0', 'b 1,1,1,1', 'c 2,2,2,2'])
  })

  test('stay where more is made of them than a sum, which is said', async () => {
    const { groups, declined } = expert().find(await analyseUnits(written('s = Add(z0, z1)\n z = Max(s, z2)')))
    expect(groups).toEqual([])
    expect(declined).toMatchObject([
      { id: 'router:1', reason: "expert 2 cannot be left out: of 'is2', Max 'z' makes more of it than a part of a sum" },
    ])
  })
})
