import { type BlockGroup, PareError, type Probe, type UnitGroup } from '@pare/core'
import { blocksIn } from './blocks.js'

/**
 * The blocks that go are n in a row, those between whose ends the last position turns least: the smallest mean of arccos(cos(x_l, x_{l+n})) ÷ π (Gromov
 * et al. 2024, arXiv 2403.17887, eq. 7). They score 0 and the others 1. Throws PareError where n is not known beforehand.
 */
export async function stretch(groups: readonly UnitGroup[], probe: Probe): Promise<Float64Array[]> {
  const requests = blocksIn(groups).map((group) => ({ group, count: probe.removals?.get(group.id) ?? countMissing() }))
  const pairs = requests.flatMap(({ group, count }) => startsOf(group, count).map((start) => endsOf(group, start, count)))
  const angles = await probe.likeness(pairs, { of: 'angle', rows: 'last' })
  let next = 0
  return requests.map(({ group, count }) => {
    const own = startsOf(group, count).map((start) => ({ start, angle: angles[next++]! }))
    const scores = new Float64Array(group.units).fill(1)
    if (own.length === 0) return scores
    const { start } = own.reduce((best, each) => (each.angle < best.angle ? each : best))
    return scores.fill(0, start, start + count)
  })
}

function startsOf({ units }: BlockGroup, count: number): number[] {
  return count === 0 ? [] : Array.from({ length: units - count + 1 }, (_, start) => start)
}

function endsOf({ blocks }: BlockGroup, start: number, count: number): readonly [string, string] {
  return [blocks[start]!.from, blocks[start + count - 1]!.to]
}

function countMissing(): never {
  throw new PareError("block-influence: by 'angular' must know beforehand how many blocks go.", {
    hint: 'say --ratio 0.25 with scope group, or choose by=cosine or by=perplexity.',
  })
}
