import { PareError } from '@pare/onnx'

/** The memory that kernels and threads work in. Areas are given out one after another and stay until the memory goes. */
export interface Memory {
  readonly memory: WebAssembly.Memory
  readonly kind: 'plain' | 'shared'
  /** Address of an area of its own, zero, on a cache line, with `SLACK` bytes behind it that kernels may read and write. */
  allocate(bytes: number, what: string): number
  /** A view. Valid until the next `allocate`. */
  floats(address: number, length: number): Float32Array
  words(address: number, length: number): Uint32Array
  bytes(address: number, length: number): Uint8Array
}

/** Kernels touch up to this many bytes beyond what they are given. */
const SLACK = 128
const PAGE = 65536
const LINE = 64
/** 4 GiB, what 32-bit addresses reach. */
const MOST_PAGES = 65536

export function openMemory(kind: 'plain' | 'shared'): Memory {
  // Address 0 is left unused.
  let top = LINE
  const memory =
    kind === 'shared'
      ? new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES, shared: true })
      : new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES })
  return {
    memory,
    kind,
    allocate,
    floats: (address, length) => new Float32Array(memory.buffer, address, length),
    words: (address, length) => new Uint32Array(memory.buffer, address, length),
    bytes: (address, length) => new Uint8Array(memory.buffer, address, length),
  }

  function allocate(bytes: number, what: string): number {
    const address = top
    const end = Math.ceil((address + bytes + SLACK) / LINE) * LINE
    const missing = Math.ceil(end / PAGE) - memory.buffer.byteLength / PAGE
    if (end > MOST_PAGES * PAGE) throw tooLarge(what, bytes, address)
    if (missing > 0) {
      try {
        memory.grow(missing)
      } catch (cause) {
        throw tooLarge(what, bytes, address, cause)
      }
    }
    top = end
    return address
  }
}

function tooLarge(what: string, bytes: number, used: number, cause?: unknown): PareError {
  const mebibytes = (size: number) => Math.ceil(size / 2 ** 20)
  return new PareError(
    `sparse: ${what} takes ${mebibytes(bytes)} MiB, with ${mebibytes(used)} MiB taken already; 4096 MiB, as far as they are free, is the most.`,
    { hint: 'run the model dense, or with a smaller batch.', cause },
  )
}
