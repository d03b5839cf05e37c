import { bestOf, type Numbers } from '@pare/metric'
import type { WritingOptions } from '../../data/questions/question.js'

/** A token by its scores, for a text of a number. NaN where a score is NaN. */
export type TokenChoice = (scores: Numbers, row: number) => number

/** The number of a sample, and of an answer to it where it is asked several times. */
export interface DrawnText {
  readonly sample: number
  readonly draw: number
}

/**
 * Chooses tokens for these texts, each text's first, second, … in turn: the likeliest, the first of equals, or with a temperature one drawn by its
 * probability among the likeliest that have `topP` of it together (nucleus sampling, Holtzman et al. 2020, arXiv 1904.09751). The draws of a text depend on its
 * numbers and place alone: models that are compared are given the same, however texts are grouped.
 */
export function tokenChoice({ temperature = 0, topP = 1 }: WritingOptions, samples: readonly DrawnText[]): TokenChoice {
  if (temperature === 0) return bestOf
  const steps = samples.map(() => 0)
  return (scores, row) => drawn(scores, { temperature, topP, chance: chanceOf(samples[row]!, steps[row]!++) })
}

interface Draw {
  readonly temperature: number
  readonly topP: number
  /** From 0 to below 1. */
  readonly chance: number
}

/** The token at which the probabilities, largest first, sum up to more than `chance` of what the nucleus has. */
function drawn(scores: Numbers, { temperature, topP, chance }: Draw): number {
  const best = bestOf(scores)
  if (Number.isNaN(best)) return best
  const most = scores[best]!
  const weights = Float64Array.from(scores, (score) => Math.exp((score - most) / temperature))
  const order = Array.from(weights.keys()).sort((a, b) => weights[b]! - weights[a]! || a - b)
  const all = weights.reduce((sum, weight) => sum + weight, 0)
  let [nucleus, count] = [0, 0]
  while (count < order.length && (count === 0 || nucleus < topP * all)) nucleus += weights[order[count++]!]!
  let left = chance * nucleus
  for (const token of order.slice(0, count)) {
    left -= weights[token]!
    if (left < 0) return token
  }
  return order[count - 1]!
}

/** A number from 0 to below 1 for each place of each answer: two rounds of a mixer of 32 bits (Wang's, as xxHash ends). */
function chanceOf({ sample, draw }: DrawnText, step: number): number {
  return mixed(mixed(Math.imul(sample + 1, 0x9e3779b1) ^ Math.imul(draw, 0x27d4eb2f)) ^ Math.imul(step + 1, 0x85ebca6b)) / 2 ** 32
}

function mixed(state: number): number {
  let bits = state
  bits = Math.imul(bits ^ (bits >>> 15), 0x85ebca77)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae3d)
  return (bits ^ (bits >>> 16)) >>> 0
}
