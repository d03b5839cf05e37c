import { availableParallelism } from 'node:os'
import { PareError } from '@pare/onnx'

/** Threads for matrices of so many elements: one for each core, and one alone where its start would take longer than it saves. */
export function threadsFor(elements: number): number {
  return elements < WORTH_THREADS ? 1 : Math.min(availableParallelism(), MOST_THREADS)
}

/** Elements from which on threads are worth their start of some 40 ms. */
const WORTH_THREADS = 1 << 20
/** Beyond, packing and the blocks of the diagonal, which one thread works on, are most of the time. */
const MOST_THREADS = 16

/** Areas at the start of a memory, one after another, `bytes` in all. */
export function poolAreas(bytes: number): (bytes: number) => number {
  let next = 0
  return (size) => {
    const address = next
    next += 64 * Math.ceil(size / 64)
    if (next > bytes) throw new Error(`${next} bytes for the threads are more than ${bytes}`)
    return address
  }
}

/** Shared memory where it can be had, else memory for one thread. */
export function openMemory(bytes: number, kind: 'plain' | 'shared'): { memory: WebAssembly.Memory; kind: 'plain' | 'shared' } {
  const pages = Math.ceil(bytes / PAGE)
  try {
    if (kind === 'plain') return { memory: new WebAssembly.Memory({ initial: pages }), kind }
    return { memory: new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }), kind }
  } catch (cause) {
    if (kind === 'shared') return openMemory(bytes, 'plain')
    throw new PareError(
      `linear-algebra: matrices of ${Math.ceil(bytes / 2 ** 20)} MiB were asked for; 4096 MiB, as far as they are free, is the most.`,
      {
        hint: 'leave the layer out with exclude, or choose a criterion that needs no matrix of all pairs of inputs.',
        cause,
      },
    )
  }
}

const PAGE = 65536
