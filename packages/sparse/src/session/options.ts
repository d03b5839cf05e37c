import type { OnnxRuntime } from '@pare/onnxruntime'
import type * as Ort from 'onnxruntime-common'
import type { Feeds } from './parts.js'

export interface SparseSessionOptions {
  /** ONNX Runtime. Default: the onnxruntime-node that the project has, else one that is fetched once on this machine. */
  readonly ort?: OnnxRuntime
  /** Default: all cores. */
  readonly threads?: number
  /**
   * 'measured': what is faster on this machine, tried for each size of inputs that comes; 'sparse': every product with a sparse weight on our kernels;
   * 'dense': ONNX Runtime alone. Default: 'measured'
   */
  readonly plan?: 'measured' | 'sparse' | 'dense'
  /** Inputs of sizes to plan for at once. Default: none, the first run with inputs of a size plans for it. */
  readonly samples?: readonly Feeds[]
  /** Folder in which plans are kept for the next session. Default: none. */
  readonly cache?: string
  /** Whether plans that stay dense say how many zeros would pay, which takes some seconds more. Default: false */
  readonly outlook?: boolean
  /** Weights with fewer zeros, as a share, stay dense. Default: 0.5 */
  readonly leastSparsity?: number
  /** Weights with fewer elements stay dense. Default: 16384 */
  readonly fewestElements?: number
  /** Whether external data may be hard links, as in caches of model hubs. Default: false */
  readonly trusted?: boolean
  /** Options of the sessions of ONNX Runtime. Default: its own, with `threads`, and threads that do not wait busily between runs. */
  readonly session?: Ort.InferenceSession.SessionOptions
}
