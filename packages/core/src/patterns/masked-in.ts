import type { MaskBits } from '../apply/mask-bits.js'
import type { Floats } from '../backend/backend.js'
import type { Weight } from '../contract/contract.js'
import type { MaskRule } from '../plan/plan.js'
import { type RowThresholds, rowOf } from '../select/rows.js'
import type { Threshold } from '../select/threshold.js'
import { channelsOf } from './channels.js'
import { maskNm, nmStripes } from './nm.js'
import type { Stripes } from './stripes.js'
import { maskTiles } from './tiles.js'
import { tilingOf } from './tiling.js'

/** A rule that looks at saliencies. */
export type SaliencyRule = Exclude<MaskRule, MaskBits>

/** The stretches that must be whole for the rule to be applied to them. */
export function stripesFor(rule: SaliencyRule, weight: Weight): Stripes {
  if ('m' in rule) return nmStripes(weight, rule)
  if ('tile' in rule) return tilingOf(weight.rows, rule.tile).stripes
  return { period: 1, step: 1 }
}

/** u8[saliency.length], 1 = masked. `saliency` is of whole stripes, from element `start` of the weight on. */
export function maskedIn(
  rule: SaliencyRule,
  { saliency, start }: { saliency: Floats; start: number },
  weight: Weight,
): Uint8Array {
  if ('m' in rule) return maskNm(saliency, start, { channels: channelsOf(weight), rule })
  if ('tile' in rule) return maskTiles(saliency, start, { tiling: tilingOf(weight.rows, rule.tile), rule })
  return maskFree(rule, { saliency, start }, weight)
}

function maskFree(
  rule: Threshold | RowThresholds,
  { saliency, start }: { saliency: Floats; start: number },
  { rows }: Weight,
): Uint8Array {
  const mask = new Uint8Array(saliency.length)
  const { below, until } = isRows(rule) ? rule : { below: [rule.below], until: [rule.until] }
  const byRow = isRows(rule)
  for (let i = 0; i < mask.length; i++) {
    const row = byRow ? rowOf(rows, start + i) : 0
    const limit = below[row]!
    const s = saliency[i]!
    if (limit !== null && (s < limit || (s === limit && start + i < until[row]!))) mask[i] = 1
  }
  return mask
}

function isRows(rule: Threshold | RowThresholds): rule is RowThresholds {
  return Array.isArray(rule.below)
}
