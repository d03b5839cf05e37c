import { type MetricSample, type SampleBoxes, sampleOf } from '@pare/metric'
import { boxSamples, classSamples, metricValue, missingPython, python, randomNumbers, testMetric } from '@pare/testing'
import { describe, expect, test } from 'vitest'
import { dice } from './dice.js'
import { iou } from './iou.js'
import { map } from './map.js'
import { psnr } from './psnr.js'
import { ssim } from './ssim.js'

const pixels = classSamples({ places: 12 })
testMetric(iou, { samples: pixels })
testMetric(dice, { samples: pixels })

const SIZE = 16
const images = imageSamples()
for (const make of [psnr, ssim]) {
  testMetric(make, { samples: images })
  testMetric(() => make({ against: 'reference', range: 2 }), { samples: images })
}

function imageSamples(): MetricSample[] {
  const random = randomNumbers(5)
  return Array.from({ length: 8 }, () => {
    const label = Float64Array.from({ length: 2 * SIZE * SIZE }, random)
    const noisy = () => label.map((value) => value + 0.3 * (random() - 0.5))
    return sampleOf({ rows: [noisy()], reference: [noisy()], label, shape: [2, SIZE, SIZE], answers: new Float64Array() })
  })
}

const boxes = boxSamples()
testMetric(map, { samples: boxes })

test('a detector that finds nothing is no better than one that detects nothing', () => {
  const expected = [{ box: Float64Array.of(0, 0, 10, 10), class: 1 }]
  const tally = map().blind!(map())
  tally.add(sampleOf({ rows: [], places: 1, isSingle: true, boxes: { detected: [], expected } }))
  expect(tally.answer()).toMatchObject({ answer: 'detecting nothing', contributions: [[-1, 1, 1]] })
})

function detected(one: SampleBoxes): MetricSample {
  return sampleOf({ rows: [], places: 1, isSingle: true, boxes: one })
}

test('mean average precision by hand', () => {
  const [a, b] = [Float64Array.of(0, 0, 10, 10), Float64Array.of(20, 20, 30, 30)]
  const expected = [a, b].map((box) => ({ box, class: 0 }))
  const right = { box: a, class: 0, score: 0.9 }
  // IoU 60 ÷ 100.
  const short = { box: Float64Array.of(20, 20, 30, 26), class: 0, score: 0.8 }
  const wrong = { box: Float64Array.of(50, 50, 60, 60), class: 0, score: 0.7 }
  // Up to 0.6, three levels of ten, both are right before anything is wrong: 1. Beyond, recall ends at ½: 51 of 101 points.
  const both = (3 + (7 * 51) / 101) / 10
  expect(metricValue(map(), [detected({ expected, detected: [right, short, wrong] })])).toBeCloseTo(both, 12)
  // The wrong one before them: precisions ½ and ⅔ up to 0.6, which is ⅔ everywhere; beyond ½ up to recall ½.
  const first = { ...wrong, score: 0.95 }
  const late = (3 * (2 / 3) + (7 * 0.5 * 51) / 101) / 10
  expect(metricValue(map(), [detected({ expected, detected: [right, short, first] })])).toBeCloseTo(late, 12)
  // A box is found once: its twin is wrong. A class that nothing is expected of does not count.
  const twin = { ...right, score: 0.85 }
  const other = { ...wrong, class: 7 }
  const [only] = expected
  expect(metricValue(map(), [detected({ expected: [only!], detected: [right, twin, other] })])).toBe(1)
})

describe.skipIf(missingPython() !== undefined)('the same as SciPy and scikit-learn', () => {
  test('pixels', () => {
    const given = { a: pixels.map(({ answers }) => answers), y: pixels.map(({ label }) => label) }
    const values = python(
      `from sklearn.metrics import jaccard_score, f1_score
a, y = np.array(given['a']).ravel(), np.array(given['y']).ravel()
result = [float(jaccard_score(y, a, average='macro')), float(f1_score(y, a, average='macro'))]`,
      given,
    ) as readonly number[]
    expect([iou(), dice()].map((metric) => metricValue(metric, pixels))).toEqual(values.map((value) => expect.closeTo(value, 9)))
  })

  test('images', () => {
    const given = { x: images.map(({ rows }) => rows[0]), y: images.map(({ label }) => label) }
    const values = python(
      `from scipy.ndimage import gaussian_filter
def blur(v): return gaussian_filter(v, 1.5, truncate=3.5)[5:-5, 5:-5]
def ssim(x, y):
    mx, my = blur(x), blur(y)
    vx, vy, c = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    return np.mean((2 * mx * my + 1e-4) * (2 * c + 9e-4) / ((mx ** 2 + my ** 2 + 1e-4) * (vx + vy + 9e-4)))
x, y = [np.array(given[k]).reshape(-1, 2, ${SIZE}, ${SIZE}) for k in 'xy']
result = [float(np.mean([10 * np.log10(1 / np.mean((a - b) ** 2)) for a, b in zip(x, y)])),
          float(np.mean([ssim(a[c], b[c]) for a, b in zip(x, y) for c in range(2)]))]`,
      given,
    ) as readonly number[]
    expect([psnr(), ssim()].map((metric) => metricValue(metric, images))).toEqual(values.map((value) => expect.closeTo(value, 9)))
  })
})

test('images that are the same have a PSNR of 100 and an SSIM of 1', () => {
  const same = images.map((sample) => ({ ...sample, rows: [sample.label] }))
  expect(metricValue(psnr(), same)).toBe(100)
  expect(metricValue(ssim(), same)).toBeCloseTo(1, 12)
  const small = sampleOf({ rows: [Float64Array.of(1)], label: Float64Array.of(1), shape: [1, 1, 1] })
  expect(() => metricValue(ssim(), [small])).toThrow('no image of at least 11 × 11 pixels')
})
