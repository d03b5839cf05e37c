import type { ChildOptions, Provider } from '@pare/evaluate'
import type { RetrainChildOptions } from '@pare/retrain'
import type { DeviceChoice } from './device.js'
import type { Progress } from './progress.js'
import { present } from './settings.js'

/** How work is told of and stopped. */
export interface Work {
  readonly signal: AbortSignal
  readonly progress: Progress
  /** What progress and the plan call the model. */
  readonly label: string
}

/** What runs models. Paths are for bundles and actions; the installed packages need none. */
export interface Engine {
  /** Entries of the child processes. */
  readonly evaluateChild?: URL
  readonly retrainChild?: URL
  /** Absolute path of an onnxruntime-node package. */
  readonly onnxruntime?: string
  /** Where ONNX Runtime computes. Default: 'cpu' */
  readonly provider?: Provider
  /** Where it is decided what goes. Default: 'cpu' */
  readonly device?: DeviceChoice
}

/** The engine as `@pare/evaluate` takes it. */
export function childOf({
  evaluateChild,
  onnxruntime,
  provider,
}: Engine): Pick<ChildOptions, 'child' | 'onnxruntime' | 'provider'> {
  return present({ child: evaluateChild, onnxruntime, provider })
}

/** The engine as `@pare/retrain` takes it. */
export function trainerOf({
  retrainChild,
  onnxruntime,
  provider,
}: Engine): Pick<RetrainChildOptions, 'child' | 'onnxruntime' | 'provider'> {
  return present({ child: retrainChild, onnxruntime, provider })
}
