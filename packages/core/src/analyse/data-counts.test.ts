import { parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { macFormula } from './mac-formula.js'
import { countMacs, macCount, totalMacs } from './macs.js'
import { requireOpen } from './open-sizes.js'

/** 50 boxes are made by a weight of 4 · 4. `left` makes i64[n] `which` of them, and each of these meets a weight of 4 · 6. */
const detector = (left: string) =>
  parseText(
    `<ir_version: 10, opset_import: ["" : 18]> g (float[1, 50, 4] x, float[1, 2, 50] scores) => (float[n, 6] y)
     <float[4, 4] w, float[4, 6] v, int64 perClass = {20}, int64[1] last = {2}, int64[1] none = {0}, int64[1] ten = {10}, int64[1] flat = {-1}, int64[2] rows = {-1, 4}>
     { boxes = MatMul(x, w) list = Reshape(boxes, rows) ${left} taken = Gather(list, which) y = MatMul(taken, v) }`,
    { w: new Float32Array(16).fill(1), v: new Float32Array(24).fill(1) },
  )

const ALL = 50 * 16
const suppressed = 'three = NonMaxSuppression(boxes, scores, perClass) at = Gather<axis = 1>(three, last) all = Reshape(at, flat)'

describe('MACs where data decide how many there are', () => {
  it('are those of as many as there can be, unless a number is stated', async () => {
    // 20 of each of two classes.
    const model = detector(`${suppressed} which = Identity(all)`)
    const count = await macCount(model)
    expect(totalMacs(count)).toBe(ALL + 40 * 24)
    expect(count.sizes).toEqual({ three: 40 })
    expect(count.decidedByData).toEqual([{ name: 'three', node: "NonMaxSuppression 'three'", most: 40 }])
    expect(await countMacs(model, { three: 7 })).toBe(ALL + 7 * 24)
    await requireOpen(model, { three: 7 })
    await expect(requireOpen(model, { four: 7 })).rejects.toThrow("leaves no size 'four' open")
  })

  it('are a formula with what data decide in it', async () => {
    const model = detector(`${suppressed} which = Identity(all)`)
    expect(await macFormula(model, { three: 40 })).toEqual({
      terms: [
        { coefficient: 24, powers: { three: 1 } },
        { coefficient: ALL, powers: {} },
      ],
      multiplesOf: {},
    })
  })

  it('grow up to a limit that the model sets, and the formula says so', async () => {
    const model = detector(`${suppressed} which = Slice(all, none, ten)`)
    expect(await countMacs(model)).toBe(ALL + 10 * 24)
    expect(await macFormula(model, {})).toMatchObject({ atMost: { three: 10 } })
  })

  it('do not follow what no weight meets', async () => {
    const model = detector('many = NonZero(scores) which = Identity(none)')
    expect(await macCount(model)).toMatchObject({ sizes: {}, decidedByData: [] })
    expect(await countMacs(model)).toBe(ALL + 24)
  })

  it('follow the last of several that bound each other', async () => {
    const model = detector(
      `found = NonZero(scores) at = Gather<axis = 0>(found, last) positions = Reshape(at, flat) positive = Greater(scores, scores) chosen = Reshape(positive, flat)
       which = Compress(positions, chosen)`,
    )
    // Of 100 scores all may be positive.
    const count = await macCount(model)
    expect(count.decidedByData.map(({ name, most }) => [name, most])).toEqual([['which', 100]])
    expect(totalMacs(count)).toBe(ALL + 100 * 24)
    expect(await countMacs(model, { found: 30 })).toBe(ALL + 30 * 24)
  })
})
