import { elementCount } from '@pare/onnx'
import { type MaskBits, noBits, packBits, setBit } from '../apply/mask-bits.js'
import type { WeightSource } from '../backend/stream.js'
import type { OwnPattern, Rows } from '../contract/contract.js'
import { type Scoring, saliencies } from '../select/scoring.js'
import { selectLowest } from '../select/threshold.js'

export interface OwnSelection {
  readonly zeros: number
  readonly masked: number
  readonly rule: MaskBits
}

export interface OwnRequest {
  readonly pattern: OwnPattern
  /** Elements that may go, of each weight. */
  readonly shares: readonly number[]
}

/**
 * Has the pattern of a structure choose within each weight. What one weight could not use up is handed on to the next. The mask itself stands in the plan, so that
 * a replay needs no plugin. Holds the saliencies of one weight in memory.
 */
export async function selectOwn(
  sources: readonly WeightSource[],
  { pattern, shares }: OwnRequest,
  scoring: Scoring,
): Promise<OwnSelection[]> {
  // Also refuses weights that are not finite.
  const untouched = await selectLowest(sources, 0, scoring)
  const selections: OwnSelection[] = []
  let over = 0
  for (const [i, source] of sources.entries()) {
    const { weight, elements } = source
    const share = Math.min(shares[i]! + over, elements)
    const all = await saliencies(source, scoring)
    const places = placesOf(weight.rows)
    const saliency = Float64Array.from(places, (element) => all[element]!)
    const rows = weight.rows.batch * weight.rows.out
    const kept = pattern.keep({ weight, rows, columns: elements / rows, saliency, zeros: share })
    const bits = noBits(elements)
    let masked = 0
    let going = 0
    for (const [place, element] of places.entries()) {
      if (kept[place] === 0) {
        setBit(bits, element)
        going++
      }
      masked += Number(kept[place] === 0 || all[element] === -Infinity)
    }
    over = Math.max(share - going, 0)
    selections.push({ zeros: untouched[i]!.zeros, masked, rule: packBits(bits) })
  }
  return selections
}

/** u32[rows × columns]: where an element of the matrix lies in storage. Batches and groups are rows below one another. */
function placesOf({ batch, before, out, after }: Rows): Uint32Array {
  const places = new Uint32Array(elementCount([batch, before, out, after]))
  const columns = before * after
  let element = 0
  for (let b = 0; b < batch; b++)
    for (let i = 0; i < before; i++)
      for (let row = 0; row < out; row++)
        for (let a = 0; a < after; a++) places[(b * out + row) * columns + i * after + a] = element++
  return places
}
