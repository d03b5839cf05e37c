import { elementCount } from '@pare/onnx'
import type { Kernel, UnitLayout } from '../backend/backend.js'
import { randomStream } from '../backend/random.js'
import { elementsOf, readChunks, type WeightReading } from '../backend/stream.js'
import type { SpreadStatistic } from '../calibrate/spread.js'
import type { Slice, Weight } from '../contract/contract.js'
import type { Norm } from '../plan/plan.js'
import { notFiniteError } from './not-finite.js'

export interface UnitScoring extends WeightReading {
  /** Of the criterion, compiled once for all groups. */
  readonly kernel: Kernel
  /** Whose kernel it is, for messages. */
  readonly criterion?: string
  readonly norm: Norm
  readonly seed: number
  /** Where the criterion looks at data: what weights meet, by id. Slices of other tensors are not scored then. */
  readonly statistics?: ReadonlyMap<
    string,
    { readonly weight: Weight; readonly stats: Readonly<Record<string, SpreadStatistic>> }
  >
  /** Only slices that a weight sums over are scored. Default: false */
  readonly readersOnly?: boolean
}

/** Units with the slices they own. */
export interface SlicedUnits {
  readonly units: number
  readonly slices: readonly Slice[]
}

/** f64[units]: the saliencies of all elements of a unit's scored slices, put together by the norm. Elements that are zero add nothing. Throws PareError where one is not finite. */
export async function scoreUnits({ units, slices }: SlicedUnits, scoring: UnitScoring): Promise<Float64Array> {
  const { norm, kernel, criterion, seed, statistics, readersOnly = false, ...reading } = scoring
  const scored = slices.filter(
    (slice) =>
      slice.scored &&
      (statistics === undefined || statistics.has(slice.id)) &&
      !(readersOnly && isOutputAxis(slice, statistics?.get(slice.id)?.weight)),
  )
  const scores = new Float64Array(units).fill(norm === 'max' ? -Infinity : 0)
  for (const slice of scored) {
    const { id, tensor } = slice
    const source = {
      weight: { id, tensor, uses: [], rows: { batch: 1, before: 1, out: 1, after: 1 } },
      elements: elementsOf(tensor),
      stream: randomStream(seed, id),
      ...statistics?.get(id),
    }
    const layout = { inner: innerOf(slice), units: slice.units, put: PUT[norm] }
    for await (const chunk of readChunks(source, reading)) await kernel.addScores(chunk, layout, scores)
    // NaN ranks nowhere: whatever stands first would go.
    if (scores.some((score) => Number.isNaN(score) || score === Infinity)) throw await notFiniteError(source, reading, criterion)
  }
  return finished(scores, scored, norm)
}

const PUT = { l1: 'sum', mean: 'sum', l2: 'squares', max: 'max' } as const satisfies Record<Norm, UnitLayout['put']>

/** Elements from one position of a slice's axis to the next. */
export const innerOf = ({ tensor: { shape }, axis }: Slice) => elementCount(shape.slice(axis + 1))

/** Whether the axis of a slice is that of a weight's outputs. */
export function isOutputAxis(slice: Slice, weight: Weight | undefined): boolean {
  const { tensor, axis } = slice
  if (weight === undefined) return false
  // Rows of an Einsum may be several axes.
  const [inner, { out, after }] = [innerOf(slice), weight.rows]
  return inner >= after && inner * tensor.shape[axis]! <= out * after
}

function finished(scores: Float64Array, slices: readonly Slice[], norm: Norm): Float64Array {
  switch (norm) {
    case 'l1':
      return scores
    case 'l2':
      return scores.map(Math.sqrt)
    case 'max':
      // A unit of zeros only.
      return scores.map((score) => (score === -Infinity ? 0 : score))
    case 'mean': {
      const elements = elementsOfUnits(scores.length, slices)
      return scores.map((score, unit) => score / Math.max(elements[unit]!, 1))
    }
    default:
      return norm satisfies never
  }
}

/** f64[units]: how many elements of the slices belong to each. */
function elementsOfUnits(count: number, slices: readonly Slice[]): Float64Array {
  const elements = new Float64Array(count)
  for (const { tensor, units } of slices)
    for (const unit of units) if (unit >= 0) elements[unit]! += elementsOf(tensor) / units.length
  return elements
}
