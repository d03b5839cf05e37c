import type { Model } from '@pare/onnx'
import type { Effort, inTurn, pays } from '@pare/sparse/sessions'
import type * as Ort from 'onnxruntime-common'
import type { GpuSessionOptions } from './options.js'
import type { SegmentRuntime } from './stages.js'

/** What ONNX Runtime is opened for. */
export interface RuntimeRequest {
  readonly model: Model
  readonly options: GpuSessionOptions
  /** What is to be closed with the session is added. */
  readonly closers: (() => Promise<unknown>)[]
}

/** ONNX Runtime beside a device: for stretches between stages, and where ways are compared, with all of the model. */
export type RuntimeBeside = SegmentRuntime & { readonly dense?: DenseSession }

/** The whole model in ONNX Runtime on the CPU, and how to tell which of two ways is faster. */
export interface DenseSession {
  readonly session: Ort.InferenceSession
  readonly inTurn: typeof inTurn
  readonly pays: typeof pays
  readonly effort: Effort
}
