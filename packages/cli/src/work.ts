import type { Progress } from './progress.js'

/** How work is told of and stopped. */
export interface Work {
  readonly signal: AbortSignal
  readonly progress: Progress
  /** What progress and the plan call the model. */
  readonly label: string
}

/** Where evaluation runs. Both are for bundles and actions; the installed packages need neither. */
export interface Engine {
  /** Entry of the child process. */
  readonly evaluateChild?: URL
  /** Absolute path of an onnxruntime-node package. */
  readonly onnxruntime?: string
}
