import { figure, formatBytes, percent, plural } from '@pare/gate'
import { present } from '@pare/onnx'
import { candidateName, type RunResults } from '@pare/report'
import { showPath } from '../files/paths.js'
import type { TriedCandidate } from '../smallest/candidate.js'
import type { SmallestSearchFacts } from '../smallest/find-smallest.js'

/** As `results.json` and --json tell of it. */
export type SmallestResult = NonNullable<RunResults['models'][number]['smallest']>

/** '17 candidates in 96 s: ratio 0.62, int4' */
export function describeSmallest({ tried, chosen, seconds, ended }: SmallestSearchFacts): string {
  const spent = `${plural(tried.length, 'candidate')} in ${Math.round(seconds)} s`
  const end = ended === 'finished' ? '' : `, ended by its ${ended}`
  return `${spent}${end}: ${chosen === undefined ? 'none passes' : candidateName(chosen)}`
}

/** Why a search chose nothing, in a sentence. */
export function describeNothing({ tried, metric, ended, maxDrop, reference }: SmallestSearchFacts): string {
  const limit = typeof maxDrop === 'number' ? maxDrop : maxDrop.relative * Math.abs(reference.value)
  const measured = tried.filter((one) => one.drop !== undefined)
  const [least] = [...measured].sort((a, b) => a.drop!.value - b.drop!.value)
  const early = ended === 'finished' ? '' : ` when its ${ended} were over`
  const all = `None of ${plural(tried.length, 'candidate')} is smaller than the reference and keeps the drop of ${metric} within ${figure(limit)} on the search data${early}.`
  if (least === undefined) {
    const why = tried.find(({ reason }) => reason !== undefined)?.reason
    return why === undefined ? all : `${all} ${why}`
  }
  const size = least.size === undefined ? '' : `, ${formatBytes(least.size.zippedBytes)} zipped`
  return `${all} The least drop was ${figure(least.drop!.value, 3)} (${candidateName(least)}${size}).`
}

/** What to do where the gate does not agree with the search data. */
export function disagreement(facts: SmallestSearchFacts | undefined, verdict: string | undefined): readonly string[] {
  if (facts?.chosen === undefined || verdict !== 'fail') return []
  return [
    `by the search data it was to pass with ${percent(facts.certainty)} certainty, and by the gate's it does not: give the search more data (--search-data), or ask for more certainty (search: { certainty: 0.99 })`,
  ]
}

/** As `results.json` tells of it. */
export function smallestResult(facts: SmallestSearchFacts, cwd: string): SmallestResult {
  const { smallest, maxDrop, certainty, metric, reference, data, chosen, next, even, tried, ended, former, seconds } = facts
  return {
    ...{ smallest, maxDrop, certainty, metric, ended, seconds },
    known: former,
    reference: { ...reference },
    data: { ...data, path: showPath(data.path, cwd) },
    ...present({ chosen: chosen && candidateOf(chosen), even: even && candidateOf(even) }),
    ...(next !== undefined && {
      next: { ...candidateOf(next), withinResolution: isWithinResolution(next, facts) },
    }),
    tried: tried.map(({ size, drop, ratios, ...one }) => ({
      ...one,
      ...(ratios && { ratios: [...ratios] }),
      ...(size && { size: { ...size } }),
      ...(drop && { drop: { value: drop.value, interval: [...drop.interval] as [number, number] } }),
    })),
  }
}

const candidateOf = ({ ratio, ratios, bits }: TriedCandidate) => ({ ratio, ...(ratios && { ratios: [...ratios] }), bits })

/** Whether the search data cannot tell the drop of a candidate that failed from one that is allowed. */
function isWithinResolution({ outcome, drop }: TriedCandidate, { maxDrop, reference }: SmallestSearchFacts): boolean {
  const limit = typeof maxDrop === 'number' ? maxDrop : maxDrop.relative * Math.abs(reference.value)
  return outcome === 'fail' && drop !== undefined && drop.interval[0] <= limit
}
