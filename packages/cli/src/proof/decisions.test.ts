import { applyPlan, gatePlan, makePlan } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { parseText } from '@pare/onnx'
import { channel } from '@pare/structure-channel'
import { describe, expect, it } from 'vitest'
import { silence } from '../terminal/progress.js'
import { decisionsOf } from './decisions.js'
import { compared } from './prove.js'

const values = (elements: number, scale = 1) =>
  Array.from({ length: elements }, (_, i) => (scale * Math.sin((i + 1) * (i + 3) * 0.7)).toFixed(4)).join(', ')

/** Two convolutions and what is made of the second one's map z, [N, 4, 24, 24]. */
const detector = (end: string, output = 'float[N, M, H, W] y') =>
  parseText(`g (float[N, 3, 24, 24] x) => (${output})
    <float[8, 3, 3, 3] v = {${values(216, 0.3)}}, float[8] b = {${values(8)}}, float[4, 8, 3, 3] w = {${values(288, 0.3)}}, float[4] c = {${values(4)}}>
    { h = Conv<pads = [1, 1, 1, 1]>(x, v, b)\n r = Relu(h)\n z = Conv<pads = [1, 1, 1, 1]>(r, w, c)\n ${end} }`)

const ENDS = {
  'a sigmoid far below zero': detector('k = Constant<value = float {-60.0}>()\n m = Add(z, k)\n y = Sigmoid(m)'),
  'a sigmoid far above zero, inverted': detector(
    'k = Constant<value = float {60.0}>()\n o = Constant<value = float {1.0}>()\n m = Add(z, k)\n s = Sigmoid(m)\n y = Sub(o, s)',
  ),
  'a rectifier of which little is left': detector('k = Constant<value = float {-4.5}>()\n m = Add(z, k)\n y = Relu(m)'),
  'peaks of a map': detector(
    's = Sigmoid(z)\n p = MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(s)\n e = Equal(p, s)\n f = Cast<to = 1>(e)\n y = Mul(s, f)',
  ),
  'the largest places, gathered': detector(
    'd = Constant<value = int64[3] {0, 4, -1}>()\n f = Reshape(z, d)\n k = Constant<value = int64[1] {20}>()\n a, i = TopK(f, k)\n q = Cast<to = 1>(i)\n y = Add(a, q)',
    'float[N, 4, K] y',
  ),
  'a number of steps': detector(
    'k = Constant<value = float {3.0}>()\n m = Mul(z, k)\n i = Cast<to = 6>(m)\n y = Cast<to = 1>(i)',
  ),
}

describe.each(Object.entries(ENDS))('%s', (_, model) => {
  it.each([0.1, 0.25, 0.5, 0.75])('a right cut of %d passes', async (ratio) => {
    const { steps } = await makePlan(model, [{ structure: channel(), criterion: magnitude(), target: { ratio } }], { seed: 1 })
    const [step] = steps
    if (step?.kind !== 'cut') throw new Error('no cut')
    const work = { label: 'm', progress: silence, engine: {}, step: 'cut', signal: new AbortController().signal } as const
    const { relative } = await compared(await gatePlan(model, step), await applyPlan(model, { seed: 1, steps }), 1e-4, work)
    expect(relative).toBeLessThan(1e-4)
  })
})

it('decisions are what floats are compared for, with what they are made of', () => {
  const decisions = decisionsOf(ENDS['peaks of a map']).map(({ name, type, sources }) => ({ name, type, sources }))
  expect(decisions).toEqual([{ name: 'e', type: 'bool', sources: ['p', 's'] }])
  expect(decisionsOf(ENDS['a sigmoid far below zero'])).toEqual([])
})

describe('steps that floats are rounded to', () => {
  const work = { label: 'm', progress: silence, engine: {}, step: 'cut', signal: new AbortController().signal } as const
  /** Half of a step in each of 4 channels, but for what `more` adds; codes are multiplied as integers with 4 rows, or those of `rows`. */
  const rounding = (more: number, { rows = [0, 1, 2, 3], by = 'q = QuantizeLinear(h, one, zero)' } = {}) =>
    parseText(`<ir_version: 8, opset_import: ["" : 17]> g (float[N, ${rows.length}] x) => (float[N, 2] y)
      <float[1] nothing = {0.0}, float[1] half = {${0.5 + more}}, float one = {1.0}, uint8 zero = {0}, float[${rows.length}] each = {${rows.map((row) => row + 1)}},
       uint8[${rows.length}, 2] w = {${rows.flatMap((row) => [row + 1, 2 * row + 3])}}>
      { n = Mul(x, nothing) p = Add(n, half) h = Mul(p, each) ${by} i = MatMulInteger(q, w) y = Cast<to = 1>(i) }`)
  const dynamic = { by: 'q, s, z = DynamicQuantizeLinear(h)' }

  it('are those of the masked model in the cut one, where an f32 last bit would flip them', async () => {
    // Halves are rounded to the even number: 0, 1, 2, 2 and not 1, 1, 2, 2.
    expect((await compared(rounding(0), rounding(1e-7), 1e-4, work)).relative).toBeLessThan(1e-6)
    expect((await compared(rounding(0, dynamic), rounding(1e-7, dynamic), 1e-4, work)).relative).toBeLessThan(1e-6)
  })

  it('do not hide what is off by less than a step', async () => {
    expect((await compared(rounding(0), rounding(0.01), 1e-4, work)).relative).toBeGreaterThan(1e-3)
  })

  it('are looked up among the positions that stay', async () => {
    const cut = rounding(1e-7, { rows: [0, 2] })
    const gated = parseText(`<ir_version: 8, opset_import: ["" : 17]> g (float[N, 2] x) => (float[N, 2] y)
      <float[1] nothing = {0.0}, float[1] half = {0.5}, float one = {1.0}, uint8 zero = {0}, float[4] each = {1, 2, 3, 4}, int64[4] all = {0, 0, 1, 1}, uint8[4] gate = {1, 0, 1, 0},
       uint8[4, 2] w = {1, 3, 2, 5, 3, 7, 4, 9}>
      { m = Gather<axis = 1>(x, all) n = Mul(m, nothing) p = Add(n, half) h = Mul(p, each) q = QuantizeLinear(h, one, zero) k = Mul(q, gate) i = MatMulInteger(k, w) y = Cast<to = 1>(i) }`)
    const keeping = (positions: number[]) => ({
      ...work,
      chosen: {
        areChosen: false,
        renumbered: new Set<string>(),
        kept: (value: string) => (['h', 'q'].includes(value) ? [{ axis: 1, positions: Int32Array.from(positions) }] : []),
      },
    })
    expect((await compared(gated, cut, 1e-4, keeping([0, 2]))).relative).toBeLessThan(1e-6)
    expect((await compared(gated, cut, 1e-4, keeping([0, 1]))).relative).toBeGreaterThan(0.1)
  })
})

it('a detector that finds nothing is compared by what it decided by', async () => {
  const work = { label: 'm', progress: silence, engine: {}, step: 'cut', signal: new AbortController().signal } as const
  /** Scores of 8 places are below 9 for good; those above it are given. */
  const finding = (weight: string) =>
    parseText(
      `<ir_version: 8, opset_import: ["" : 17]> g (float[N, 4] x) => (float[n] y)
      <float[4, 8] w, float limit = {900000.0}, int64[1] flat = {-1}>
      { s = MatMul(x, w) f = Reshape(s, flat) g = Greater(f, limit) i = NonZero(g) j = Reshape(i, flat) y = Gather(f, j) }`,
      {
        w: Float32Array.from({ length: 32 }, (_, i) => Math.sin(i + 1) + (weight === 'other' && i === 5 ? 0.5 : 0)),
      },
    )
  expect((await compared(finding('same'), finding('same'), 1e-4, work)).relative).toBe(0)
  expect((await compared(finding('same'), finding('other'), 1e-4, work)).relative).toBeGreaterThan(0.01)
})
