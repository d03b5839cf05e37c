import type { Kernel } from '../backend/backend.js'
import type { WeightReading } from '../backend/stream.js'

/** How the elements of weights are read and valued. */
export interface Scoring extends WeightReading {
  readonly kernel: Kernel
  /** Whose kernel it is, for messages. */
  readonly criterion?: string
}
