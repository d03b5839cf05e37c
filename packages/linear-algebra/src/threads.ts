import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { ProductKernel } from './product-kernel.js'

/** A product in strips of rows. Addresses, panels and bytes as `ProductKernel` has them. */
export interface Job {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly depth: number
  readonly rowPanels: number
  readonly columnPanels: number
  readonly stride: number
  /** Only up to the diagonal, which begins where C does; a strip is computed up to its last row. */
  readonly lower: boolean
}

/** Threads that share a memory with this one and take part in its products. */
export interface Threads extends AsyncDisposable {
  /** Works through the strips of a product, here and in the threads, until all are done. */
  run(job: Job): void
}

/** Bytes at the start of the memory in which a job is handed over. */
export const JOB_BYTES = 128
/** Panels of rows in a strip: 64 rows and 128 products fill 64 KiB, of the second-level cache. */
const STRIP = 16
// Words of a job: how many there were, the next strip that nobody has, how many threads are done, then what `claimStrips` reads.
const [COUNT, NEXT, DONE] = [0, 1, 2] as const

/** Starts `count` threads, which wait without using time between jobs. The memory must be shared unless `count` is 0. */
export async function startThreads(count: number, module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<Threads> {
  const words = new Int32Array(memory.buffer, 0, JOB_BYTES / 4)
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  const kernel = exports.subtractProduct as ProductKernel
  const source = `(${serve.toString()})(${claimStrips.toString()})`
  const workers = Array.from(
    { length: count },
    () => new Worker(source, { eval: true, workerData: { module, memory }, env: {}, execArgv: [] }),
  )
  const end = async () => void (await Promise.all(workers.map((worker) => worker.terminate())))
  try {
    await Promise.all(workers.map((worker) => once(worker, 'message')))
  } catch (error) {
    await end()
    throw error
  }
  // A command that fails elsewhere must not wait for them.
  for (const worker of workers) worker.unref()
  return { run, [Symbol.asyncDispose]: end }

  function run({ a, b, c, depth, rowPanels, columnPanels, stride, lower }: Job): void {
    words.set([0, 0, STRIP, lower ? 1 : 0, a, b, c, depth, rowPanels, columnPanels, stride], NEXT)
    const shared = count > 0 && rowPanels > STRIP
    if (shared) {
      Atomics.add(words, COUNT, 1)
      Atomics.notify(words, COUNT)
    }
    claimStrips(words, kernel)
    for (let done = 0; shared && done < count; done = Atomics.load(words, DONE)) Atomics.wait(words, DONE, done)
  }
}

/** Computes strips until nobody has one left. Runs in the threads too, from its source text: uses nothing from outside. */
function claimStrips(words: Int32Array, kernel: ProductKernel): void {
  // Addresses are unsigned.
  const [strip = 0, lower = 0, a = 0, b = 0, c = 0, depth = 0, rowPanels = 0, columnPanels = 0, stride = 0] = new Uint32Array(
    words.buffer,
    words.byteOffset + 12,
    9,
  )
  for (;;) {
    const first = Atomics.add(words, 1, 1) * strip
    if (first >= rowPanels) return
    const rows = Math.min(strip, rowPanels - first)
    const columns = lower ? Math.min(columnPanels, first + rows) : columnPanels
    kernel(a + first * depth, b, c + 4 * first * stride, depth, rows, columns, stride)
  }
}

/** Runs in a thread, from its source text: uses nothing from outside, so that a bundle needs no second file. */
function serve(claim: typeof claimStrips): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads')
  const { module, memory } = workerData as { module: WebAssembly.Module; memory: WebAssembly.Memory }
  const { exports } = new WebAssembly.Instance(module, { env: { memory } })
  const words = new Int32Array(memory.buffer, 0, 32)
  parentPort?.postMessage('ready')
  for (let count = 0; ; count++) {
    while (Atomics.load(words, 0) === count) Atomics.wait(words, 0, count)
    claim(words, exports.subtractProduct as ProductKernel)
    Atomics.add(words, 2, 1)
    Atomics.notify(words, 2)
  }
}
