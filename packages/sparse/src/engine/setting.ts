import type { Threads } from '@pare/wasm/threads'
import type { Memory } from './memory.js'

/** What kernels and layouts have in common while an engine is open. */
export interface EngineSetting {
  readonly memory: Memory
  readonly relaxed: boolean
  readonly count: number
  readonly numbers: ReadonlyMap<string, number>
  readonly threads: Threads
  /** Where kernels for one sample find its input: a portion, with zeros behind it. */
  readonly x: number
  /** The address of the area for packed samples, at least this large. */
  readonly area: (bytes: number) => number
  /** What lies in that area. */
  readonly packed: { is: string }
}
