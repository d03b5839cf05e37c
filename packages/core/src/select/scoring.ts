import type { Kernel } from '../backend/backend.js'
import type { WeightReading } from '../backend/stream.js'

/** How the elements of weights are read and valued. */
export interface Scoring extends WeightReading {
  readonly kernel: Kernel
}
