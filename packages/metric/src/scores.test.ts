import { expect, test } from 'vitest'
import { bestOf, divergence, isDistribution, logSumExp, negativeLogLikelihood, rankOf } from './scores.js'

test('the rank of a class counts those above it; of equals the first ranks higher', () => {
  const scores = Float32Array.of(2, 5, 5, 1)
  expect([0, 1, 2, 3].map((label) => rankOf(scores, label))).toEqual([2, 0, 1, 3])
  expect(bestOf(scores)).toBe(1)
})

test('NaN anywhere has no rank and no best', () => {
  const scores = Float32Array.of(2, Number.NaN)
  expect(rankOf(scores, 0)).toBeNaN()
  expect(rankOf(Float32Array.of(Number.NaN, 2), 1)).toBeNaN()
  expect(bestOf(scores)).toBeNaN()
  expect(logSumExp(scores)).toBeNaN()
})

test('log Σ exp does not overflow', () => {
  // log(e¹⁰⁰⁰ + e¹⁰⁰⁰) = 1000 + log 2
  expect(logSumExp(Float64Array.of(1000, 1000))).toBeCloseTo(1000 + Math.LN2, 12)
  expect(logSumExp(Float64Array.of(0, Number.NEGATIVE_INFINITY))).toBe(0)
})

test('the likelihood from logits and from probabilities is the same', () => {
  // softmax(log 1, log 3) = (¼, ¾); −log ¾ = 0.28768
  expect(negativeLogLikelihood(Float64Array.of(0, Math.log(3)), 1, 'logits')).toBeCloseTo(0.287682, 6)
  expect(negativeLogLikelihood(Float64Array.of(0.25, 0.75), 1, 'probabilities')).toBeCloseTo(0.287682, 6)
})

test('a probability of 0 costs 126 log 2, a logit of −∞ is infinite', () => {
  expect(negativeLogLikelihood(Float32Array.of(1, 0), 1, 'probabilities')).toBeCloseTo(126 * Math.LN2, 10)
  expect(negativeLogLikelihood(Float32Array.of(1, Number.NEGATIVE_INFINITY), 1, 'logits')).toBe(Number.POSITIVE_INFINITY)
})

test('KL divergence by hand', () => {
  // KL((½, ½) ‖ (¼, ¾)) = ½ log 2 + ½ log ⅔ = 0.143841
  expect(divergence(Float64Array.of(0.5, 0.5), Float64Array.of(0.25, 0.75), 'probabilities')).toBeCloseTo(0.143841, 6)
  expect(divergence(Float64Array.of(7, 7), Float64Array.of(0, Math.log(3)), 'logits')).toBeCloseTo(0.143841, 6)
  expect(divergence(Float64Array.of(1, 2, 3), Float64Array.of(1, 2, 3), 'logits')).toBe(0)
  expect(divergence(Float64Array.of(1, 2), Float64Array.of(1, Number.NaN), 'logits')).toBeNaN()
})

test('a distribution lies between 0 and 1 and sums to 1', () => {
  expect(isDistribution(Float32Array.of(0.2, 0.8))).toBe(true)
  expect(isDistribution(Float32Array.of(0.2, 0.7))).toBe(false)
  expect(isDistribution(Float32Array.of(-1, 2))).toBe(false)
  expect(isDistribution(Float32Array.of(Number.NaN, 1))).toBe(false)
})
