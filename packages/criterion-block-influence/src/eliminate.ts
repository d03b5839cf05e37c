import type { Gates, MeasuredLoss, Probe, UnitGroup } from '@pare/core'
import { blocksIn } from './blocks.js'

/**
 * One block after another goes, each time the one without which the loss is lowest (Song et al. 2024, SLEB, arXiv 2402.09025). Score = when it goes, the
 * last ones of each group by the loss without them. Tries all that are left each time: with n blocks of which r go some r · (n − r/2) passes.
 */
export async function eliminate(groups: readonly UnitGroup[], probe: Probe, loss: MeasuredLoss): Promise<Float64Array[]> {
  const left = blocksIn(groups).map(({ id, units }) => ({
    id,
    gate: new Float32Array(units).fill(1),
    scores: new Float64Array(units),
    // One always remains.
    go: Math.min(units - 1, probe.removals?.get(id) ?? units - 1),
  }))
  for (let rank = 0; ; rank++) {
    const tries = left.flatMap((group) => {
      if (group.go === 0) return []
      return [...group.gate.keys()].flatMap((unit) => (group.gate[unit] === 1 ? [{ group, unit }] : []))
    })
    if (tries.length === 0) break
    const settings = tries.map((each) => gatesOf(left, each))
    const losses = await probe.losses(groups, settings, loss)
    // Those that stay so far come after all that go, by what they would cost now.
    for (const [i, { group, unit }] of tries.entries()) group.scores[unit] = LATER + losses[i]!
    const { group, unit } = tries[losses.indexOf(Math.min(...losses))]!
    group.gate[unit] = 0
    group.scores[unit] = rank
    group.go--
  }
  return left.map(({ scores, gate }) => scores.map((score, unit) => (gate[unit] === 1 ? Math.max(score, LATER) : score)))
}

/** Above every rank. */
const LATER = 1e6

interface Left {
  readonly id: string
  readonly gate: Float32Array
}

/** What went before, and one block more. */
function gatesOf(left: readonly Left[], { group, unit }: { group: Left; unit: number }): Gates {
  return new Map(left.map(({ id, gate }) => [id, id === group.id ? gate.slice().fill(0, unit, unit + 1) : gate.slice()]))
}
