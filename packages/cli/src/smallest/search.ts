import type { CandidateBits, ModelCandidate, TriedCandidate } from './candidate.js'

/** Ratios that are tried: hundredths from 0 on, below 1. */
const STEPS = 100

export interface SmallestSearch {
  /** In the order in which they are tried unpruned. */
  readonly bits: readonly CandidateBits[]
  /** What is made small: −1, 0 or 1 as the first is smaller, as large, or larger than the second. */
  readonly compare: (one: TriedCandidate, other: TriedCandidate) => number
  /** Makes a candidate; measures it only where it is smaller than `than`, the smallest that passes so far. Undefined: than the reference */
  readonly attempt: (candidate: ModelCandidate, than: TriedCandidate | undefined) => Promise<TriedCandidate>
  /** Candidates that are tried at most, those of earlier runs that were stopped included. Default: no limit */
  readonly trials?: number | undefined
  /** Whether its time is over. */
  readonly isLate: () => boolean
}

export interface SmallestFound {
  /** The smallest that passes. Undefined: none does */
  readonly chosen: TriedCandidate | undefined
  /** The same with one hundredth more going, where that was tried: it does not pass, cannot be made, or is no smaller. */
  readonly next: TriedCandidate | undefined
  /** In the order of their trials. */
  readonly tried: readonly TriedCandidate[]
  /** Why it ended. */
  readonly ended: 'finished' | 'minutes' | 'trials'
}

/**
 * The smallest candidate that passes. First each of the bits unpruned, then, from the smallest of them on, the largest ratio that passes with these bits, by bisection: a candidate
 * that is no smaller than one that passes is not measured, and calls for a larger ratio. It takes for granted that a larger ratio makes a smaller model that loses more. At most 9
 * trials for each of the bits; one that is too large even at the largest ratio takes two.
 */
export async function searchSmallest({ bits, compare, attempt, trials, isLate }: SmallestSearch): Promise<SmallestFound> {
  const tried: TriedCandidate[] = []
  let best: TriedCandidate | undefined
  const spent = () => (trials !== undefined && tried.length >= trials ? 'trials' : isLate() ? 'minutes' : undefined)
  const tryOne = async (candidate: ModelCandidate) => {
    const one = await attempt(candidate, best)
    tried.push(one)
    if (one.outcome === 'pass') best = one
    return one
  }
  const outcome = (ended: SmallestFound['ended']): SmallestFound => ({ chosen: best, next: nextOf(best, tried), tried, ended })

  const starts: TriedCandidate[] = []
  for (const one of bits) {
    // That is the reference itself.
    if (one === 'none') continue
    const end = spent()
    if (end !== undefined) return outcome(end)
    starts.push(await tryOne({ ratio: 0, bits: one }))
  }
  const promising = starts.filter(({ outcome }) => outcome === 'pass' || outcome === 'larger').sort(compare)
  const order = [...promising.map((one) => one.bits), ...bits.filter((one) => one === 'none')]
  for (const [i, one] of order.entries()) {
    let [low, high] = [0, STEPS]
    if (i > 0) {
      const end = spent()
      if (end !== undefined) return outcome(end)
      const { outcome: came } = await tryOne({ ratio: (STEPS - 1) / STEPS, bits: one })
      // With nearly everything gone it is no smaller than what passes already.
      if (came === 'larger' || came === 'pass') continue
      high = STEPS - 1
    }
    while (high - low > 1) {
      const end = spent()
      if (end !== undefined) return outcome(end)
      const middle = Math.floor((low + high) / 2)
      const { outcome: came } = await tryOne({ ratio: middle / STEPS, bits: one })
      if (came === 'pass' || came === 'larger') low = middle
      else high = middle
    }
  }
  return outcome('finished')
}

function nextOf(best: TriedCandidate | undefined, tried: readonly TriedCandidate[]): TriedCandidate | undefined {
  if (best === undefined) return undefined
  const step = Math.round(best.ratio * STEPS) + 1
  return tried.find(({ ratio, bits }) => bits === best.bits && Math.round(ratio * STEPS) === step)
}
