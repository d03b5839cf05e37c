import { type Model, PareError } from '@pare/onnx'

export interface GradientOptions {
  /** Name of the value whose gradient is taken: one number. */
  readonly of: string
  /**
   * Names of what is differentiated by: initializers (they become inputs of the same name), tensors of Constant nodes by the name of the node's output, inputs, or any value
   * in between.
   */
  readonly wrt: readonly string[]
  /**
   * 'inference': BatchNormalization uses the statistics it stores, Dropout does nothing. 'training': BatchNormalization uses those of the batch, and `statistics` says where they come
   * out. Default: 'inference'
   */
  readonly mode?: 'inference' | 'training'
  /** What activations that are kept for the backward pass may take, in bytes, for the sizes in `sizes`: more is computed again. Default: no limit */
  readonly memory?: { readonly bytes: number; readonly sizes: Readonly<Record<string, readonly number[]>> }
  /** 'refuse': a value of `wrt` behind an operator without a rule is an error that names the node. 'freeze': it is left out, and named in `frozen`. Default: 'refuse' */
  readonly noRule?: 'refuse' | 'freeze'
}

/** A model that computes a loss and its gradients. */
export interface Gradient {
  /** Its outputs: the loss, the gradients, the outputs that the model had, and batch statistics. */
  readonly model: Model
  readonly loss: string
  /** Output that holds the gradient, in the shape of what it belongs to, by name of `wrt`. */
  readonly gradients: ReadonlyMap<string, string>
  /** What of `wrt` has no gradient, with the reason: not on the way to the loss, or, where frozen, behind an operator without a rule. */
  readonly frozen: ReadonlyMap<string, string>
  /** With mode 'training': for each BatchNormalization the stored statistics and the outputs that hold those of this batch. */
  readonly statistics: readonly BatchStatistics[]
}

export interface BatchStatistics {
  /** Initializers: what is stored. They become inputs where they are fed. */
  readonly mean: string
  readonly variance: string
  /** Outputs, f32[channels]: of this batch; the variance divides by n. */
  readonly batchMean: string
  readonly batchVariance: string
  /** The part of the old value that stays: stored = momentum · stored + (1 − momentum) · batch. */
  readonly momentum: number
}

export async function gradient(_model: Model, _options: GradientOptions): Promise<Gradient> {
  throw new PareError('gradients are not there yet.')
}
