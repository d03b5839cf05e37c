import type { Model, Uses, ValueInfo } from '@pare/onnx'
import type { OnnxRuntime } from '@pare/onnxruntime'
import type * as Ort from 'onnxruntime-common'
import type { Engine } from '../engine/engine.js'
import type { Product } from '../engine/product.js'
import type { Between } from '../graph/between.js'
import type { Site } from '../graph/sites.js'
import type { Buffers } from './buffers.js'
import type { CreateSession } from './ort-sessions.js'

export type Feeds = Readonly<Record<string, Ort.Tensor>>
export type Results = Record<string, Ort.Tensor>

/** What all ways to run a model have in common. */
export interface Parts {
  readonly ort: OnnxRuntime
  readonly model: Model
  readonly engine: Engine
  readonly buffers: Buffers
  readonly productOf: (site: Site) => Product
  readonly uses: Uses
  /** What lies between products and could be ours. */
  readonly candidates: () => Promise<readonly Between[]>
  /** Types and shapes of values between parts, as far as they are tensors. */
  readonly infoOf: (names: readonly string[]) => Promise<(name: string) => ValueInfo | undefined>
  readonly createSession: CreateSession
}
