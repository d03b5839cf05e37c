import type { Kernel } from '../backend/backend.js'
import type { Reading } from '../backend/stream.js'

/** How the elements of weights are read and valued. */
export interface Scoring extends Reading {
  readonly kernel: Kernel
}
