import type { Floats } from '../backend/backend.js'
import type { WeightSource } from '../backend/stream.js'
import type { Weight } from '../contract/contract.js'
import { saliencyOf } from '../select/saliency.js'
import type { Scoring } from '../select/scoring.js'
import { selectLowest } from '../select/threshold.js'
import { type Channels, channelsOf } from './channels.js'
import { readStripes, type Stripes } from './stripes.js'

/**
 * Of each m input channels that follow one another, every output keeps the n of highest saliency, at each position of a kernel on its own; of equal ones
 * the later. Where the channels are no multiple of m, of the r left over ⌈r · n / m⌉ are kept.
 */
export interface NmRule {
  readonly n: number
  readonly m: number
}

export function nmStripes(weight: Weight, { m }: NmRule): Stripes {
  const { channels, inner } = channelsOf(weight)
  return { period: channels * inner, step: m * inner }
}

/** Masks each weight by the rule. */
export async function selectNm(sources: readonly WeightSource[], { n, m }: NmRule, scoring: Scoring) {
  // Also refuses weights that are not finite.
  const untouched = await selectLowest(sources, 0, scoring)
  const selections: { zeros: number; masked: number; rule: NmRule }[] = []
  for (const [i, source] of sources.entries()) {
    const channels = channelsOf(source.weight)
    let masked = 0
    for await (const chunk of readStripes(source, nmStripes(source.weight, { n, m }), scoring)) {
      const saliency = await saliencyOf(scoring.kernel, chunk)
      const mask = maskNm(saliency, chunk.start, { channels, rule: { n, m } })
      for (let e = 0; e < mask.length; e++) masked += mask[e]! | (-(saliency[e] === -Infinity) & 1)
    }
    selections.push({ zeros: untouched[i]!.zeros, masked, rule: { n, m } })
  }
  return selections
}

/** u8[saliency.length], 1 = masked. `saliency` is of whole stripes, from element `start` of the weight on. m² comparisons for each m elements. */
export function maskNm(saliency: Floats, start: number, { channels, rule }: { channels: Channels; rule: NmRule }): Uint8Array {
  const mask = new Uint8Array(saliency.length)
  const { inner } = channels
  const period = channels.channels * inner
  for (let at = 0; at < saliency.length; ) {
    const left = (period - ((start + at) % period)) / inner
    const size = Math.min(rule.m, left)
    const masked = size - Math.ceil((size * rule.n) / rule.m)
    for (let lane = 0; lane < inner; lane++) maskLowest(saliency, mask, { first: at + lane, size, stride: inner, count: masked })
    at += size * inner
  }
  return mask
}

interface Block {
  readonly first: number
  readonly size: number
  readonly stride: number
  /** How many go. */
  readonly count: number
}

/** An element goes when fewer than `count` others go before it: those that are lower, or equal and earlier. */
function maskLowest(saliency: Floats, mask: Uint8Array, { first, size, stride, count }: Block): void {
  const end = first + size * stride
  for (let i = first; i < end; i += stride) {
    const s = saliency[i]!
    let before = 0
    for (let j = first; j < end; j += stride) before += (-(saliency[j]! < s) & 1) | (-(saliency[j] === s && j < i) & 1)
    mask[i] = -(before < count) & 1
  }
}
