import type { Quantiser } from '@pare/quantise'

/** How the weights of a candidate are stored: in fewer bits, or as they were. */
export type CandidateBits = Quantiser | 'none'

/** What a search for the smallest model tries: the steps of a task with this much of them going, then weights in so many bits. */
export interface ModelCandidate {
  /** Ratio or sparsity of the steps that are free, from 0 on and below 1; at 0 they are left out. The largest of `ratios`, where these differ */
  readonly ratio: number
  /** That of each free step. Absent: all have the same */
  readonly ratios?: readonly number[]
  readonly bits: CandidateBits
}

/** What a candidate takes. */
export interface CandidateSize {
  /** With external data. */
  readonly bytes: number
  readonly zippedBytes: number
  /** That are not zero. */
  readonly parameters: number
  /** For one sample. Null where a shape does not follow from the model. */
  readonly macs: number | null
}

/** A candidate and what came of it. */
export interface TriedCandidate extends ModelCandidate {
  /**
   * 'pass', 'fail': as the gate judges it on the search data. 'larger': it is no smaller than one that passes, or than the reference, and was not measured.
   * 'impossible': it could not be made, for the reason.
   */
  readonly outcome: 'pass' | 'fail' | 'larger' | 'impossible'
  /** Absent where it could not be made. */
  readonly size?: CandidateSize
  /** Of the gate's metric, where it was measured. */
  readonly value?: number
  readonly drop?: { readonly value: number; readonly interval: readonly [low: number, high: number] }
  /** KL divergence of its outputs from the reference's, nats for each place. Absent where ratios do not differ by step, or outputs are no scores of classes */
  readonly kl?: number
  /** That it was measured on. */
  readonly samples?: number
  /** Whether some of the search data were enough to tell. */
  readonly isEarly?: boolean
  /** Why it is no pass, where the drop does not say it. */
  readonly reason?: string
}

/** Tells candidates apart. */
export function candidateKey({ ratio, ratios, bits }: ModelCandidate): string {
  return JSON.stringify([bits, ratios ?? ratio])
}
