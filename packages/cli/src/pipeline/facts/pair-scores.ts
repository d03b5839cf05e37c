import type { Evaluation, Scores } from '@pare/evaluate'

/** A reference and its pruned model over the same samples. */
export interface PairScores {
  readonly reference: Scores
  readonly pruned: Evaluation
}
