import type { WeightProblem } from '@pare/core'
import { closeBlock, loadRows, openBlock } from './block.js'
import { type Factor, rowsAtATime } from './inverse.js'
import { masker } from './mask.js'
import { ranksOf } from './ranks.js'
import type { SparseGptSettings } from './settings.js'
import { sweep } from './sweep.js'

/** The weight with zeros, and what makes up for them: f32[rows × columns]. Undefined where that is not finite in f32. */
export async function update(
  problem: WeightProblem,
  settings: SparseGptSettings,
  factor: Factor,
): Promise<Float32Array | undefined> {
  const { rows, columns, pattern, signal } = problem
  const result = new Float32Array(rows * columns)
  const most = rowsAtATime(problem, settings)
  const ranks = ranksOf(problem, most)
  const block = blockSize(problem, settings)
  for (let from = 0; from < rows; from += most) {
    const stripe = { from, to: Math.min(rows, from + most) }
    loadRows(problem, factor, stripe)
    const mask = masker(
      problem,
      ranks.filter((rank) => rank.from >= from && rank.to <= stripe.to),
      stripe,
    )
    for (let at = 0; at < columns; at += block) {
      const opened = openBlock(problem, factor, stripe, at, Math.min(block, columns - at))
      if (pattern.kind === 'free') mask(opened)
      sweep(opened, pattern.kind === 'nm' ? pattern : undefined)
      if (!closeBlock(opened, factor, result, columns)) return undefined
      await new Promise((resolve) => setImmediate(resolve))
      signal?.throwIfAborted()
    }
  }
  return result
}

/** A multiple of four, and of m, so that no group of m columns lies in two blocks. */
function blockSize({ pattern }: WeightProblem, { block }: SparseGptSettings): number {
  if (pattern.kind !== 'nm') return block
  const both = pattern.m * (pattern.m % 4 === 0 ? 1 : pattern.m % 2 === 0 ? 2 : 4)
  return Math.ceil(block / both) * both
}
