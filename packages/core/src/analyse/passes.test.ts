import { parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { macFormula } from './mac-formula.js'
import { countMacs, macCount } from './macs.js'

const BODY = 'l (int64 i, bool c, float[a, 4] h) => (bool k, float[a, 4] n, float[a, 4] each)'

/** A Loop whose body multiplies with 4 · 4, and what it collects, [passes, N, 4], with 4 · 6. `trips` and `going` are its first inputs. */
const loop = ({ trips, going = 'yes', before = '', goesOn = 'k = Identity(c)' }: Record<string, string>) =>
  parseText(
    `<ir_version: 10, opset_import: ["" : 18]> g (float[N, 4] x, float[1, S] other) => (z)
     <float[4, 4] w, float[4, 6] v, int64 five = {5}, int64 endless = {9223372036854775807}, int64 second = {1}, bool yes = {1}>
     { ${before} y, all = Loop(${trips}, ${going}, x) <body = ${BODY} { m = MatMul(h, w) n = Tanh(m) each = Identity(n) ${goesOn} }> z = MatMul(all, v) }`,
    { w: new Float32Array(16).fill(1), v: new Float32Array(24).fill(1) },
  )

const STOPS = 'largest = ReduceMax<keepdims = 0>(m) k = Less(largest, largest)'

describe('MACs in the body of a Loop are those of all passes', () => {
  it('that a constant says', async () => {
    const model = loop({ trips: 'five' })
    expect(await countMacs(model)).toBe(5 * 16 + 5 * 24)
    expect(await macCount(model)).toMatchObject({ decidedByData: [] })
    expect(await countMacs(loop({ trips: 'five', goesOn: 'k = Constant<value = bool {1}>()' }))).toBe(5 * 16 + 5 * 24)
  })

  it('that a size says', async () => {
    const model = loop({ trips: 'count', before: 's = Shape(other) count = Gather(s, second)' })
    expect(await countMacs(model, { S: 7 })).toBe(7 * 16 + 7 * 24)
    expect(await macFormula(model, { N: 1, S: 1 })).toMatchObject({ terms: [{ coefficient: 40, powers: { S: 1 } }] })
  })

  it('that there can be, where a condition may end it, unless a number is stated', async () => {
    const model = loop({ trips: 'five', goesOn: STOPS })
    expect(await countMacs(model)).toBe(5 * 40)
    expect((await macCount(model)).decidedByData).toEqual([{ name: 'y', node: "Loop 'y'", most: 5, passes: 'most' }])
    expect(await countMacs(model, { y: 2 })).toBe(2 * 40)
  })

  it('or of one where only data decide: a formula has their number in it', async () => {
    for (const trips of ['', 'endless']) {
      const model = loop({ trips, goesOn: STOPS })
      const count = await macCount(model)
      expect(count.decidedByData).toEqual([{ name: 'y', node: "Loop 'y'", most: 1, passes: 'one' }])
      expect(await countMacs(model)).toBe(40)
      expect(await macFormula(model, count.sizes)).toMatchObject({ terms: [{ coefficient: 40, powers: { y: 1 } }] })
    }
  })
})

it('MACs in the body of a Scan are those of all positions, and of a Loop in it', async () => {
  const inner = `s2 = Loop(two, yes, g) <body = l (int64 i, bool c, float[4] p) => (bool k, float[4] q) { k = Identity(c) o = MatMul(p, w) q = Tanh(o) }>`
  const model = parseText(
    `<ir_version: 10, opset_import: ["" : 18]> g (float[T, 4] x) => (last, all)
     <float[4, 4] w, float[4] zero, int64 two = {2}, bool yes = {1}>
     { last, all = Scan(zero, x) <num_scan_inputs = 1, body = b (float[4] h, float[4] e) => (float[4] n, float[4] each) { f = Add(h, e) g = MatMul(f, w) ${inner} n = Identity(s2) each = Identity(n) }> }`,
    { w: new Float32Array(16).fill(1), zero: new Float32Array(4) },
  )
  expect(await countMacs(model, { T: 9 })).toBe(9 * 16 * 3)
})
