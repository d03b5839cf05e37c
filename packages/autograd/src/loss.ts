import { type Model, PareError } from '@pare/onnx'

/**
 * 'cross-entropy': of classes, logits [batch, classes] against labels i64[batch], or [batch, seq, classes] against i64[batch, seq]; 'next-token': logits [batch, seq, vocabulary] against the
 * token ids that follow, i64[batch, seq]; 'mse': against targets of the output's shape; 'kl': KL(teacher ‖ model) at temperature T, times T², against the teacher's logits;
 * 'output': the output itself is the loss, its mean where it is more than one number.
 */
export type Loss = 'cross-entropy' | 'next-token' | 'mse' | 'kl' | 'output'

export interface LossOptions {
  readonly kind: Loss
  /** The model's output that is judged. */
  readonly output: string
  /** What it is judged against: an input that the model has (token ids), else a new one of that name. Default: 'pare/target' */
  readonly target?: string
  /** Labels that do not count. Default: −100 */
  readonly ignore?: number
  /** Of 'kl'. Default: 1 */
  readonly temperature?: number
  /** Default: 1 */
  readonly weight?: number
}

/** A model with a loss, the weighted sum of several: one f32 number, at the end of its outputs. */
export interface WithLoss {
  readonly model: Model
  /** Name of the output that is the loss. */
  readonly loss: string
  /** Name of each loss's own value before weighting, in order. */
  readonly parts: readonly string[]
}

export async function withLoss(_model: Model, _losses: readonly LossOptions[]): Promise<WithLoss> {
  throw new PareError('losses are not there yet.')
}
