import { type MetricSample, sampleOf } from '@pare/metric'
import { metricValue, missingPython, python, randomNumbers, testMetric, valueSamples } from '@pare/testing'
import { describe, expect, test } from 'vitest'
import { cosine } from './cosine.js'
import { mae } from './mae.js'
import { mse } from './mse.js'
import { pearson } from './pearson.js'
import { r2 } from './r2.js'
import { recallAtK } from './recall-at-k.js'
import { spearman } from './spearman.js'

const samples = valueSamples()
const metrics = [mse, mae, r2, pearson, spearman, cosine]
for (const make of metrics) testMetric(make, { samples })
for (const make of metrics) testMetric(() => make({ against: 'reference' }), { samples })

const embeddings = embeddingSamples()
testMetric(() => recallAtK({ k: 3 }), { samples: embeddings })

const pairs = pairSamples()
testMetric(() => recallAtK({ k: 3, pairs: 'mean' }), { samples: pairs })
testMetric(() => cosine({ pairs: 'mean' }), { samples: pairs })

/** Vectors of two texts that are alike; some second texts are of several samples. */
function pairSamples(): MetricSample[] {
  const random = randomNumbers(8)
  const texts = Array.from({ length: 40 }, () => Float64Array.from({ length: 4 }, () => random() - 0.5))
  return Array.from({ length: 60 }, (_, i) => {
    const label = texts[i % 40]!
    return sampleOf({ rows: [label.map((one) => one + 0.5 * (random() - 0.5))], answers: new Float64Array(), label })
  })
}

/** Vectors of four classes. */
function embeddingSamples(): MetricSample[] {
  const random = randomNumbers(7)
  return Array.from({ length: 60 }, (_, i) => {
    const row = Float64Array.from({ length: 5 }, (_, at) => random() + (at === i % 4 ? 0.6 : 0))
    return sampleOf({ rows: [row], answers: new Float64Array(), label: Float64Array.of(i % 4) })
  })
}

const SCIPY: Readonly<Record<string, string>> = {
  mse: 'np.mean((x - y) ** 2)',
  mae: 'mean_absolute_error(y, x)',
  r2: 'r2_score(y, x)',
  pearson: 'np.mean([pearsonr(x[:, c], y[:, c])[0] for c in range(3)])',
  spearman: 'np.mean([spearmanr(x[:, c], y[:, c])[0] for c in range(3)])',
  cosine: 'np.mean([1 - distance.cosine(a, b) for a, b in zip(x, y)])',
}

describe.skipIf(missingPython() !== undefined)('the same as SciPy and scikit-learn', () => {
  test('values', () => {
    // Rounded, so that some are equal.
    const rounded = samples.map((sample) => ({
      ...sample,
      rows: sample.rows.map((row) => row.map((one) => Math.round(5 * one) / 5)),
    }))
    const given = { x: rounded.map(({ rows }) => rows[0]), y: rounded.map(({ label }) => label) }
    const names = metrics.map((make) => make().name)
    const values = python(
      `from sklearn.metrics import *
from scipy.stats import pearsonr, spearmanr
from scipy.spatial import distance
x, y = np.array(given['x']), np.array(given['y'])
result = [${names.map((name) => `float(${SCIPY[name]})`).join(', ')}]`,
      given,
    ) as readonly number[]
    expect(metrics.map((make) => metricValue(make(), rounded))).toEqual(values.map((value) => expect.closeTo(value, 9)))
  })

  test('recall of neighbours', () => {
    const given = { x: embeddings.map(({ rows }) => rows[0]), y: embeddings.map(({ label }) => label[0]) }
    const value = python(
      `from sklearn.neighbors import NearestNeighbors
x, y = np.array(given['x']), np.array(given['y'])
near = NearestNeighbors(n_neighbors=4, metric='cosine', algorithm='brute').fit(x).kneighbors(x, return_distance=False)
result = float(np.mean([any(y[j] == y[i] for j in [j for j in near[i] if j != i][:3]) for i in range(len(y))]))`,
      given,
    ) as number
    expect(metricValue(recallAtK({ k: 3 }), embeddings)).toBeCloseTo(value, 9)
  })

  test('recall of the second of two texts', () => {
    const given = { x: pairs.map(({ rows }) => rows[0]), y: pairs.map(({ label }) => label) }
    const value = python(
      `from sklearn.neighbors import NearestNeighbors
x, y = np.array(given['x']), np.array(given['y'])
near = NearestNeighbors(n_neighbors=60, metric='cosine', algorithm='brute').fit(y).kneighbors(x, return_distance=False)
result = float(np.mean([[j % 40 for j in near[i]].index(i % 40) < 3 for i in range(len(x))]))`,
      given,
    ) as number
    expect(value).toBeGreaterThan(0.5)
    expect(value).toBeLessThan(1)
    expect(metricValue(recallAtK({ k: 3, pairs: 'mean' }), pairs)).toBeCloseTo(value, 9)
  })
})

test('values without a target are left out, and columns keep their places', () => {
  const [a, b] = [
    sampleOf({ rows: [Float64Array.of(3)], label: Float64Array.of(1), at: [1], shape: [2], places: 1 }),
    sampleOf({ rows: [Float64Array.of(1, 2)], label: Float64Array.of(1, 4), shape: [2], places: 2 }),
  ]
  // (3 − 1)² = 4, and (0 + 4) ÷ 2 = 2: their mean.
  expect(metricValue(mse(), [a, b])).toBe(3)
})
