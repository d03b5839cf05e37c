import type { Probe, UnitGroup } from '@pare/core'
import { blocksIn } from './blocks.js'

/** BI of a block = 1 − E[cos(x, y)] over all rows x that enter it and y that leave it (Men et al. 2024, ShortGPT, arXiv 2403.03853, eq. 1). */
export async function influence(groups: readonly UnitGroup[], probe: Probe): Promise<Float64Array[]> {
  const blocks = blocksIn(groups)
  const pairs = blocks.flatMap((group) => group.blocks.map(({ from, to }) => [from, to] as const))
  const cosines = await probe.likeness(pairs, { of: 'cosine', rows: 'all' })
  let next = 0
  return blocks.map(({ units }) => Float64Array.from({ length: units }, () => 1 - cosines[next++]!))
}
