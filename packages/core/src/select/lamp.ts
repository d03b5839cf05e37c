import type { Floats } from '../backend/backend.js'
import type { WeightSource } from '../backend/stream.js'
import { type Border, findBorder, type ScoredStream, type ScoreRun } from '../patterns/border.js'
import { type Scoring, saliencies } from './scoring.js'
import { selectLowest } from './threshold.js'

/**
 * How many elements of each weight go when `count` of all go, ranked by LAMP: score(u) = s_u² / Σ_{v: s_v ≥ s_u} s_v² within the weight of u, s being the
 * saliency (Lee et al. 2021, arXiv 2010.07611, Eq. 3, where it is |w|). Within a weight the scores are in the order of saliencies, so counts are all that
 * is needed. Holds one weight's saliencies in memory, sorted; they are read two to five times.
 */
export async function lampCounts(sources: readonly WeightSource[], count: number, scoring: Scoring): Promise<number[]> {
  const streams = sources.map(
    (source): ScoredStream =>
      () =>
        sortedScores(source, scoring),
  )
  // Also refuses weights that are not finite.
  const zeros = (await selectLowest(sources, 0, scoring)).reduce((total, each) => total + each.zeros, 0)
  const border = await findBorder(streams, count - zeros)
  if (border === undefined) return sources.map(({ elements }) => elements)
  const counts: number[] = []
  for (const [weight, stream] of streams.entries()) counts.push(await countBefore(weight, stream, border))
  return counts
}

async function countBefore(weight: number, stream: ScoredStream, border: Border): Promise<number> {
  let total = 0
  for await (const { first, scores } of stream()) {
    for (let i = 0; i < scores.length; i++) {
      const score = scores[i]!
      const isBefore = weight < border.weight || (weight === border.weight && first + i < border.tile)
      if (score < border.score || (score === border.score && isBefore)) total++
    }
  }
  return total
}

async function* sortedScores(source: WeightSource, scoring: Scoring): AsyncGenerator<ScoreRun> {
  const saliency = await saliencies(source, scoring)
  const scores = lampScores(saliency)
  yield { first: 0, scores, added: scores.map((score) => (score === -Infinity ? 0 : 1)) }
}

/** Scores of one weight in ascending order. −Infinity for what is zero already. Sorts `saliency`. */
export function lampScores(saliency: Floats): Float64Array {
  saliency.sort()
  const scores = new Float64Array(saliency.length)
  let sum = 0
  for (let end = saliency.length; end > 0; ) {
    const s = saliency[end - 1]!
    let start = end - 1
    while (start > 0 && saliency[start - 1] === s) start--
    if (s !== -Infinity) sum += (end - start) * s * s
    // All are zero from here on: 0 ÷ 0 is nothing lost.
    scores.fill(s === -Infinity ? -Infinity : s === 0 ? 0 : (s * s) / sum, start, end)
    end = start
  }
  return scores
}
