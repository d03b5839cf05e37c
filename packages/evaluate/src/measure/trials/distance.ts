import { isDistribution } from '@pare/metric'
import { type NdArray, numbersOf } from '../../data/ndarray.js'
import { type Layout, layoutOf } from '../../metrics/layout.js'
import { type BatchOutcome, type NeededOutcome, startContext } from '../../metrics/outcome.js'
import { countedPlaces } from '../../metrics/places.js'

/** How far outputs of a batch lie from those of the reference, summed over so many samples or places. The sum is NaN where an output holds NaN. */
export type Distance = (output: NdArray) => { readonly sum: number; readonly count: number }

/** What a distance is taken of: logits at each place, or values of which nothing says which of their axes counts classes. */
export type DistanceKind = 'logits' | 'values'

type Reference = Omit<BatchOutcome, 'output' | 'context'>

/** Seen at the first batch. Undefined where the outputs are probabilities, or classes: the metric 'kl' judges these. */
export function distanceKindOf(outcome: Reference): DistanceKind | undefined {
  const needed = neededBy(outcome)
  const layout = layoutOf(needed)
  if ('problem' in layout) return 'values'
  if (layout.kind !== 'scores' || layout.inner !== 1) return undefined
  const first = rowsIn(needed, layout).flat()[0] ?? 0
  return isDistribution(floatsOf(needed.output).subarray(first, first + layout.classes)) ? undefined : 'logits'
}

/**
 * The distance that trials are compared by, made ready for one batch of the reference's outputs: of logits the metric 'kl', at one exponential for each number; of
 * values the mean squared difference.
 */
export function distanceFrom(kind: DistanceKind, outcome: Reference): Distance {
  const needed = neededBy(outcome)
  if (kind === 'values') return squaredDifference(needed.output, outcome.batch.size)
  const layout = layoutOf(needed) as Layout
  return divergence(floatsOf(needed.output), rowsIn(needed, layout), layout.classes)
}

function neededBy(outcome: Reference): NeededOutcome {
  return { ...outcome, output: outcome.reference!, context: startContext(), needs: { read: 'scores', against: 'reference' } }
}

/** Where the scores of each place that counts begin, by sample. */
function rowsIn(needed: NeededOutcome, layout: Layout): readonly (readonly number[])[] {
  return Array.from({ length: needed.batch.size }, (_, sample) => {
    const counted = countedPlaces(needed, layout, sample) ?? Array.from({ length: layout.places }, (_, at) => at)
    return counted.map((place) => (sample * layout.places + place) * layout.classes)
  })
}

/** Σ p · (r − q) + log Σ exp q − log Σ exp r at each place, p being the softmax of r, summed over the places. */
function divergence(reference: Float32Array | Float64Array, rows: readonly (readonly number[])[], classes: number): Distance {
  const probabilities = new Float32Array(reference.length)
  const offsets = rows.map((starts) => starts.map((start) => logSumExp(reference, start, classes)))
  for (const [s, starts] of rows.entries())
    for (const [i, start] of starts.entries()) {
      const offset = offsets[s]![i]!
      for (let c = start; c < start + classes; c++) probabilities[c] = Math.exp(reference[c]! - offset)
    }
  return (output) => {
    const scores = floatsOf(output)
    let [sum, count] = [0, 0]
    for (const [s, starts] of rows.entries()) {
      for (const [i, start] of starts.entries()) {
        let cross = 0
        for (let c = start; c < start + classes; c++) cross += probabilities[c]! * (reference[c]! - scores[c]!)
        sum += Math.max(cross + logSumExp(scores, start, classes) - offsets[s]![i]!, 0)
      }
      count += starts.length
    }
    return { sum, count }
  }
}

function logSumExp(scores: Float32Array | Float64Array, start: number, classes: number): number {
  let max = Number.NEGATIVE_INFINITY
  for (let c = start; c < start + classes; c++) if (scores[c]! > max) max = scores[c]!
  let sum = 0
  for (let c = start; c < start + classes; c++) sum += Math.exp(scores[c]! - max)
  return max + Math.log(sum)
}

function squaredDifference(reference: NdArray, size: number): Distance {
  const own = floatsOf(reference)
  const each = own.length / reference.shape[0]!
  return (output) => {
    const values = floatsOf(output)
    let sum = 0
    for (let i = 0; i < size * each; i++) sum += (values[i]! - own[i]!) ** 2
    return { sum: sum / each, count: size }
  }
}

const floatsOf = (array: NdArray) => numbersOf(array) as Float32Array | Float64Array
