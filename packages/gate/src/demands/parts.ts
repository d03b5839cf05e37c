import { type Comparison, compare } from '../compare.js'
import { figure, percent, plural, rough } from '../figure.js'
import { groupingOf, setText, tooFewGroups } from '../groups.js'
import { allowedDrop } from '../limits.js'
import type { Aggregate, Breach, Demand, DemandVerdict, Measurement, PartVerdict, SampleFacts } from '../measurement.js'
import { obstacles } from '../obstacles.js'
import { resolve } from '../resolution.js'
import { chanceAbove } from './chance.js'
import { course, demanded, dropBreaches, valueBreaches } from './drop-limits.js'
import { factsOf, type Part, subset } from './subset.js'
import { incomplete } from './whole.js'

/** A demand on every part: what was found in each, before it is known how many parts the gate has in all. */
export interface PartsOfDemand {
  readonly demand: Demand
  readonly about: string
  readonly parts: readonly PartFinding[]
}

/** One part, compared; without a comparison there is a reason why not. */
export interface PartFinding {
  readonly name: string
  readonly samples: number
  readonly comparison?: Comparison
  readonly allowed?: number
  /** Of such a drop where the true one is at its limit; undefined where the drop is not judged by chance. */
  readonly chance?: number
  readonly reason?: string
}

interface Parts {
  readonly demand: Demand
  readonly about: string
  readonly parts: readonly (Part & { readonly short: string })[]
  readonly reference: Measurement
  readonly pruned: Measurement
  readonly facts: SampleFacts | undefined
  readonly aggregate: Aggregate | undefined
}

/** Compares the two models on every part. */
export function findParts({ demand, about, parts, reference, pruned, facts, aggregate }: Parts): PartsOfDemand {
  return {
    demand,
    about,
    parts: parts.map((part): PartFinding => {
      const [before, after] = [subset(reference, part, aggregate), subset(pruned, part, aggregate)]
      const context = { facts: factsOf(facts, part.samples), aggregate }
      const named = { name: part.short, samples: part.samples.length }
      const few = demand.maxDrop === undefined ? undefined : tooFewGroups(groupingOf(context.facts?.group))
      const reason = obstacles(before, after, context)[0] ?? few
      if (reason !== undefined) return { ...named, reason }
      const comparison = compare(before, after, context)
      if (demand.maxDrop === undefined) return { ...named, comparison }
      const allowed = allowedDrop(demand.maxDrop, comparison.reference)
      if (demand.certainty !== undefined) return { ...named, comparison, allowed }
      return { ...named, comparison, allowed, chance: chanceAbove(comparison, allowed) }
    }),
  }
}

/** A drop above its limit counts where chance alone would show one in any part of the gate less often than this. */
const LEVEL = 0.05

/**
 * Judges a demand on every part. Without certainty a part is broken where its drop is above the limit beyond chance: `corrected` are the chances of the parts
 * after Holm's correction over the `total` parts of the gate. With certainty every part must be shown to be below, and needs no correction: the gate passes
 * a model with one bad part only if that part passes, and it does in no more than 1 − certainty.
 */
export function judgeParts(
  { demand, about, parts }: PartsOfDemand,
  { corrected, total }: { readonly corrected: readonly (number | undefined)[]; readonly total: number },
): DemandVerdict {
  const judged = parts.map((part, i) => judgePart(part, demand, { p: corrected[i], total }))
  const breaches = judged.flatMap((one) => one.breaches)
  const verdicts = judged.map(({ part }) => part)
  const unclear = verdicts.filter(({ verdict }) => verdict === 'unclear')
  const missing = unclear.filter(({ drop }) => drop === undefined)
  const isSure = demand.certainty !== undefined
  const none = missing.length === parts.length
  const reasons = [
    ...breaches.sort((a, b) => b.measured / b.allowed - a.measured / a.allowed).map(({ message }) => message),
    ...((isSure || none) && missing.length > 0 ? [`Not judged: ${listed(missing.map(({ message }) => message))}`] : []),
  ]
  if (none) return { ...incomplete(demand, about, reasons), parts: verdicts }
  const warnings = unclear.length > 0 && !isSure ? [warning(unclear, parts.length, about)] : []
  return {
    demand,
    about,
    verdict: breaches.length > 0 ? 'fail' : isSure && missing.length > 0 ? 'incomplete' : 'pass',
    summary: reasons.length > 0 ? reasons.join(' ') : passed(demand, about, verdicts),
    reasons,
    ...(warnings.length > 0 && { warnings }),
    breaches,
    parts: verdicts,
  }
}

function judgePart(
  { name, samples, comparison, allowed, reason }: PartFinding,
  demand: Demand,
  { p, total }: { readonly p: number | undefined; readonly total: number },
): { readonly part: PartVerdict; readonly breaches: readonly Breach[] } {
  if (comparison === undefined) {
    const message = `${name} (${plural(samples, 'sample')}): ${reason ?? ''}`
    return { part: { name, samples, verdict: 'unclear', message }, breaches: [] }
  }
  const drops =
    demand.certainty === undefined ? chanceBreaches(comparison, { demand, allowed, p, total }) : dropBreaches(comparison, demand)
  const breaches = [...drops, ...valueBreaches(comparison, demand)]
  const isUnclear = breaches.length === 0 && allowed !== undefined && !resolve(comparison, allowed).resolves
  const { reference, pruned, value, interval, groups } = comparison
  const [first] = breaches
  const part: PartVerdict = {
    name,
    samples,
    verdict: first ? 'fail' : isUnclear ? 'unclear' : 'pass',
    reference,
    pruned,
    drop: { value, interval, ...(groups && { groups }) },
    ...(allowed !== undefined && { allowed }),
    ...(p !== undefined && { p }),
    message: first?.message ?? `${course(comparison)} (${setText(samples, comparison.grouping)}).`,
  }
  return { part, breaches }
}

interface ByChance {
  readonly demand: Demand
  readonly allowed: number | undefined
  readonly p: number | undefined
  readonly total: number
}

function chanceBreaches(comparison: Comparison, { demand, allowed, p, total }: ByChance): Breach[] {
  if (allowed === undefined || demand.maxDrop === undefined || p === undefined || p >= LEVEL) return []
  const { metric, value, samples, grouping } = comparison
  const least = p < 0.0001 ? 'p < 0.0001' : `p = ${rough(p)}`
  const corrected = total === 1 ? least : `${least} by Holm's correction for ${plural(total, 'part')}`
  const message = `${course(comparison)} on ${setText(samples, grouping)}; allowed is at most ${demanded(demand.maxDrop, allowed)}, and chance does not explain it (${corrected}; needed is less than ${LEVEL}).`
  return [{ limit: 'maxDrop', metric, allowed, measured: value, message }]
}

function warning(unclear: readonly PartVerdict[], total: number, about: string): string {
  const named = unclear.map(({ name, samples }) => `${name} (${plural(samples, 'sample')})`)
  return `${about}: ${unclear.length} of ${plural(total, 'part')} have too few samples to tell whether the limit is kept: ${listed(named)}.`
}

/** Five at most. */
function listed(items: readonly string[]): string {
  return items.length <= 5 ? items.join(', ') : `${items.slice(0, 5).join(', ')} and ${items.length - 5} more`
}

function passed({ certainty }: Demand, about: string, parts: readonly PartVerdict[]): string {
  const clear = parts.filter(({ verdict }) => verdict === 'pass')
  const [worst] = [...parts].filter(({ drop }) => drop !== undefined).sort((a, b) => b.drop!.value - a.drop!.value)
  const sure = certainty === undefined ? '' : ` with ${percent(certainty)} certainty each`
  const allowed = worst?.allowed === undefined ? '' : ` (allowed is ${figure(worst.allowed)}${sure})`
  return `${about}: ${clear.length} of ${plural(parts.length, 'part')} keep the limit${allowed}; the worst is ${worst?.name}: ${worst?.message}`
}
