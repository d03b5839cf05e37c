import type { CandidateBits, ModelCandidate } from './candidate.js'

/** Ratios that are tried: hundredths from 0 on, below 1. */
export const STEPS = 100

/** Candidates of one form, each of which loses more than the one before: all ratios grow together. */
export interface CandidateSequence {
  readonly bits: CandidateBits
  /** How far each free step goes, as a part of the one that goes furthest. Default: all as far */
  readonly shape?: readonly number[]
}

export function candidateAt({ bits, shape = [] }: CandidateSequence, step: number): ModelCandidate {
  const ratios = shape.map((part) => Math.round(step * part) / STEPS)
  const ratio = step / STEPS
  return ratios.every((one) => one === ratio) ? { ratio, bits } : { ratio, ratios, bits }
}

export function stepOf({ ratio }: Pick<ModelCandidate, 'ratio'>): number {
  return Math.round(ratio * STEPS)
}
