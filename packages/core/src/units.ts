import { PareError } from '@pare/onnx'
import type { Backend } from './backend.js'
import type { CoupledGroup, Expression, Scope } from './contract.js'
import { randomStream } from './random.js'
import { elementsOf, type Reading, readChunks } from './stream.js'

export interface UnitRequest {
  readonly groups: readonly CoupledGroup[]
  readonly scope: Scope
  readonly ratio: number
  /** What is kept of a group is a multiple of this, if the group is. Default: 1 */
  readonly multipleOf: number
  readonly saliency: Expression
}

/** Which units of a group go, in order. */
export interface UnitSelection {
  readonly group: CoupledGroup
  readonly removed: readonly number[]
}

/** f64[units]: the saliencies of all elements of a unit's scored slices, added up. Zeros add nothing. */
export async function scoreUnits(
  group: CoupledGroup,
  saliency: Expression,
  { seed, backend, ...reading }: Reading & { seed: number; backend: Backend },
): Promise<Float64Array> {
  const scores = new Float64Array(group.units)
  const kernel = backend.compile(saliency, reading.precision)
  for (const { id, tensor, axis, units, scored } of group.slices) {
    if (!scored) continue
    const inner = tensor.shape.slice(axis + 1).reduce((a, b) => a * b, 1)
    const source = {
      weight: { id, tensor, uses: [], rows: { batch: 1, before: 1, out: 1, after: 1 } },
      elements: elementsOf(tensor),
      stream: randomStream(seed, id),
    }
    for await (const chunk of readChunks(source, reading)) {
      const values = chunk.weights.slice()
      kernel.saliency(chunk, values)
      for (let i = 0; i < values.length; i++) {
        const unit = units[Math.floor((chunk.start + i) / inner) % units.length]!
        if (unit >= 0 && values[i] !== -Infinity) scores[unit]! += values[i]!
      }
    }
  }
  return scores
}

/**
 * Chooses the units that go: of each group round(ratio × units), or, with scope 'global', round(ratio × all units) over all groups by scores
 * divided by their group's mean. One unit of a group always stays. Ties go in order of position.
 */
export function selectUnits(
  scored: readonly { group: CoupledGroup; scores: Float64Array }[],
  { scope, ratio, multipleOf }: Omit<UnitRequest, 'groups' | 'saliency'>,
): UnitSelection[] {
  if (!(ratio >= 0 && ratio < 1))
    throw new PareError(`ratio is ${ratio}; a number from 0 to below 1 was expected.`, {
      hint: 'a third of the units: --ratio 0.33',
    })
  if (scope === 'row' || scope === 'tensor') {
    throw new PareError(`scope '${scope}' ranks elements, and units are ranked by 'group' or 'global'.`, {
      hint: 'leave --scope out, or say --scope global.',
    })
  }
  const counts = scope === 'global' ? globalCounts(scored, ratio) : scored.map(({ group }) => Math.round(ratio * group.units))
  return scored.map(({ group, scores }, i) => {
    const count = group.units - keptCount(group.units, counts[i]!, multipleOf)
    return {
      group,
      removed: ascending(scores)
        .slice(0, count)
        .sort((a, b) => a - b),
    }
  })
}

function keptCount(units: number, removed: number, multipleOf: number): number {
  const kept = Math.max(units - removed, 1)
  return units % multipleOf === 0 ? Math.ceil(kept / multipleOf) * multipleOf : kept
}

function globalCounts(scored: readonly { group: CoupledGroup; scores: Float64Array }[], ratio: number): number[] {
  const all = scored.flatMap(({ scores }, group) => {
    const mean = scores.reduce((a, b) => a + b, 0) / scores.length
    // The last unit of a group stays, whatever its score.
    const order = ascending(scores).slice(0, -1)
    return order.map((unit) => ({ group, score: mean === 0 ? 0 : scores[unit]! / mean }))
  })
  const total = scored.reduce((units, { group }) => units + group.units, 0)
  const gone = [...all.keys()].sort((a, b) => all[a]!.score - all[b]!.score || a - b).slice(0, Math.round(ratio * total))
  const counts = scored.map(() => 0)
  for (const index of gone) counts[all[index]!.group]!++
  return counts
}

const ascending = (scores: Float64Array) => [...scores.keys()].sort((a, b) => scores[a]! - scores[b]! || a - b)
