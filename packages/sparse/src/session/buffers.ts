import type { Memory } from '../engine/memory.js'

/** Areas that are used again once they are given back. */
export interface Buffers {
  take(bytes: number): Buffer
  giveBack(buffer: Buffer): void
}

export interface Buffer {
  readonly address: number
  readonly bytes: number
}

/** A buffer that is much larger than asked for is left to those who need it. */
const WASTE = 4

export function buffersIn(memory: Memory): Buffers {
  const free: Buffer[] = []
  return {
    take(bytes) {
      let best = -1
      for (const [i, buffer] of free.entries()) {
        const fits = buffer.bytes >= bytes && buffer.bytes <= WASTE * Math.max(bytes, 4096)
        if (fits && (best < 0 || buffer.bytes < free[best]!.bytes)) best = i
      }
      if (best >= 0) return free.splice(best, 1)[0]!
      // A little more than asked for serves sequences that grow.
      const size = Math.ceil((bytes * 1.25) / 64) * 64
      return { address: memory.allocate(size, 'a value'), bytes: size }
    },
    giveBack: (buffer) => void free.push(buffer),
  }
}
