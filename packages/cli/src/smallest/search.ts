import { type CandidateBits, candidateKey, type ModelCandidate, type TriedCandidate } from './candidate.js'
import { type CandidateSequence, candidateAt, STEPS, stepOf } from './sequence.js'
import { findShape } from './shape.js'

export interface SmallestSearch {
  /** In the order in which they are tried unpruned. */
  readonly bits: readonly CandidateBits[]
  /** Steps whose ratio is free. */
  readonly free: number
  /** Of the order in which ratios of single steps are tried. */
  readonly seed: number
  /** What is made small: −1, 0 or 1 as the first is smaller, as large, or larger than the second. */
  readonly compare: (one: TriedCandidate, other: TriedCandidate) => number
  /** Makes a candidate; measures it only where it is smaller than `than`, the smallest that passes so far. Undefined: than the reference */
  readonly attempt: (candidate: ModelCandidate, than: TriedCandidate | undefined) => Promise<TriedCandidate>
  /** Makes a candidate, and measures nothing: 'larger' or 'impossible'. */
  readonly make: (candidate: ModelCandidate) => Promise<TriedCandidate>
  /** Whether a candidate that fails loses no more than is allowed as it was measured, so that more of the same sequence may pass. Default: none does */
  readonly mayPass?: (tried: TriedCandidate) => boolean
  /** Candidates that are tried at most, those of earlier runs that were stopped included. Default: no limit */
  readonly trials?: number | undefined
  /** Whether its time is over. */
  readonly isLate: () => boolean
}

export interface SmallestModel {
  /** One hundredth less than the smallest that passes, which is left as a margin. That itself where it is unpruned, or the search ended before. Undefined: none passes */
  readonly chosen: TriedCandidate | undefined
  /** One hundredth more than the smallest that passes, where that was tried: it does not pass, cannot be made, or is no smaller. */
  readonly next: TriedCandidate | undefined
  /** The smallest with the same ratio in all free steps, where one with others is chosen. */
  readonly even?: TriedCandidate
  /** In the order of their trials. */
  readonly tried: readonly TriedCandidate[]
  /** Why it ended. */
  readonly ended: 'finished' | 'minutes' | 'trials'
}

/**
 * The smallest candidate that passes. First each of the bits unpruned, then, from the smallest of them on, the largest ratio that passes with these bits, by bisection: a candidate
 * that is no smaller than one that passes is not measured, and calls for a larger ratio. It takes for granted that a larger ratio makes a smaller model that loses more. At most 9
 * trials for each of the bits; one that is too large even at the largest ratio takes two. Of several free steps it is then found how much each should go, for the bits that
 * won, and bisection goes on from there. At last the smallest is stepped back from.
 */
export async function searchSmallest(search: SmallestSearch): Promise<SmallestModel> {
  const running = new RunningSearch(search)
  try {
    await running.searchBits()
    if (search.free > 1) await running.searchShape()
    await running.stepBack()
    return running.found('finished')
  } catch (error) {
    if (error instanceof Over) return running.found(error.by)
    throw error
  }
}

/** Its trials or its time are over. */
class Over extends Error {
  constructor(readonly by: 'trials' | 'minutes') {
    super(`its ${by} are over`)
  }
}

class RunningSearch {
  readonly #tried: TriedCandidate[] = []
  #best: TriedCandidate | undefined
  /** Where the best comes from. */
  #sequence: CandidateSequence | undefined
  #even: TriedCandidate | undefined
  #chosen: TriedCandidate | undefined

  constructor(private readonly search: SmallestSearch) {}

  found(ended: SmallestModel['ended']): SmallestModel {
    const [best, chosen] = [this.#best, this.#chosen ?? this.#best]
    const key = best && candidateKey(candidateAt(this.#sequence!, stepOf(best) + 1))
    const next = this.#tried.find((one) => candidateKey(one) === key)
    const even = chosen?.ratios === undefined ? undefined : this.#even
    return { chosen, next, ...(even && { even }), tried: this.#tried, ended }
  }

  async searchBits(): Promise<void> {
    const { bits, compare, mayPass = () => false } = this.search
    const starts: TriedCandidate[] = []
    // Without fewer bits the unpruned one is the reference itself.
    for (const one of bits) if (one !== 'none') starts.push(await this.#try({ bits: one }, 0))
    const isPromising = (one: TriedCandidate) => one.outcome === 'pass' || one.outcome === 'larger' || mayPass(one)
    const promising = starts.filter(isPromising).sort(compare)
    const order = [...promising.map((one) => one.bits), ...bits.filter((one) => one === 'none')]
    for (const [i, one] of order.entries()) {
      if (i > 0) {
        const { outcome } = await this.#try({ bits: one }, STEPS - 1)
        // With nearly everything gone it is no smaller than what passes already.
        if (outcome === 'larger' || outcome === 'pass') continue
      }
      await this.#bisect({ bits: one }, 0, i > 0 ? STEPS - 1 : STEPS)
    }
  }

  /** Ratios that differ by step, and more or less of all of them. */
  async searchShape(): Promise<void> {
    const best = this.#best
    if (best === undefined) return
    this.#even = best
    const { free, seed, compare, make } = this.search
    const measure = async (candidate: ModelCandidate) => {
      this.#spend()
      const one = await this.search.attempt(candidate, best)
      this.#keep(one)
      return one
    }
    const shape = await findShape(best, { free, seed, compare, make, measure, isLate: this.search.isLate })
    if (shape !== undefined) await this.#bisect({ bits: best.bits, shape }, 0, STEPS)
  }

  /**
   * The smallest that passes is the luckiest of all that were tried. It costs about a hundredth of the size to ask that two neighbours pass: the largest ratio is taken
   * of which the next one passes, too.
   */
  async stepBack(): Promise<void> {
    const best = this.#best
    if (best === undefined) return
    let further = best
    const least = best.bits === 'none' ? 1 : 0
    for (let step = stepOf(best) - 1; step >= least; step--) {
      const candidate = candidateAt(this.#sequence!, step)
      const former = this.#tried.find((one) => candidateKey(one) === candidateKey(candidate) && one.drop !== undefined)
      const one = former ?? (await this.#measureAnyway(candidate))
      const isPair = one.outcome === 'pass' && further.outcome === 'pass'
      if (isPair || (one.outcome === 'pass' && step === least)) this.#chosen = one
      if (isPair) return
      further = one
    }
  }

  /** Also where it is larger than the best. */
  async #measureAnyway(candidate: ModelCandidate): Promise<TriedCandidate> {
    this.#spend()
    const one = await this.search.attempt(candidate, undefined)
    this.#keep(one)
    return one
  }

  /** The largest step that passes, above one that does, or is too large, and below one that does not. */
  async #bisect(sequence: CandidateSequence, from: number, to: number): Promise<void> {
    let [low, high] = [from, to]
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      const { outcome } = await this.#try(sequence, middle)
      if (outcome === 'pass' || outcome === 'larger') low = middle
      else high = middle
    }
  }

  async #try(sequence: CandidateSequence, step: number): Promise<TriedCandidate> {
    this.#spend()
    const one = await this.search.attempt(candidateAt(sequence, step), this.#best)
    this.#keep(one)
    if (one.outcome === 'pass') [this.#best, this.#sequence] = [one, sequence]
    return one
  }

  /** What was too large to be measured and is measured now has one place. */
  #keep(one: TriedCandidate): void {
    const at = this.#tried.findIndex((other) => candidateKey(other) === candidateKey(one))
    if (at < 0) this.#tried.push(one)
    else if (one.drop !== undefined) this.#tried[at] = one
  }

  #spend(): void {
    const { trials, isLate } = this.search
    if (trials !== undefined && this.#tried.length >= trials) throw new Over('trials')
    if (isLate()) throw new Over('minutes')
  }
}
