import type { PackedRows } from '@pare/sparse'
import type { Gpu } from '../gpu.js'
import { openProduct } from '../products/product.js'

/** How kernels are cut on an adapter, and what it takes to use it at all. */
export interface Tuning {
  /** Name of the adapter. */
  readonly adapter: string
  /** Threads of a group that multiplies few rows; a row of the weight has as many of them as a subgroup, or 32. */
  readonly threads: number
  /** Milliseconds of one product with each number of threads, medians. */
  readonly tried: readonly { readonly threads: number; readonly ms: number }[]
  /** Milliseconds of one submission of one small kernel and its answer, the median of several. */
  readonly floorMs: number
}

const CANDIDATES = [64, 128, 256]
const REPEATS = 5
/** Of the weight that is multiplied: on a GPU enough to keep it busy; what computes on the CPU has a smaller one, which says as much. */
const SIZES = { gpu: 4096, software: 256 }

// By name of the adapter: it is the same for all sessions of a process.
const tunings = new Map<string, Promise<Tuning>>()

/** Times a sparse product with each setting, once for each adapter in a process. */
export function tuningOf(gpu: Gpu): Promise<Tuning> {
  const { name } = gpu.adapter
  const earlier = tunings.get(name)
  if (earlier !== undefined) return earlier
  const tuning = tune(gpu)
  tunings.set(name, tuning)
  tuning.catch(() => tunings.delete(name))
  return tuning
}

async function tune(gpu: Gpu): Promise<Tuning> {
  const { name: adapter, software, limits } = gpu.adapter
  const floorMs = await timeOf(gpu, { size: 1, threads: 128, times: 1 })
  const size = software ? SIZES.software : SIZES.gpu
  const tried: { threads: number; ms: number }[] = []
  for (const threads of CANDIDATES) {
    if (threads > limits.maxComputeInvocationsPerWorkgroup) continue
    // Many in one submission: what that costs is the same for all.
    const ms = await timeOf(gpu, { size, threads, times: software ? 2 : 50 })
    tried.push({ threads, ms })
  }
  const best = tried.reduce((a, b) => (b.ms < a.ms ? b : a))
  return { adapter, threads: best.threads, tried, floorMs }
}

/** Milliseconds until `times` products of one row with a weight of `size` × `size`, a tenth of which is not zero, are done and read. */
async function timeOf(gpu: Gpu, { size, threads, times }: { size: number; threads: number; times: number }): Promise<number> {
  using product = openProduct(gpu, everyTenth(size), { threads })
  const run = await product.prepare(1)
  const taken: number[] = []
  for (let i = 0; i <= REPEATS; i++) {
    const start = performance.now()
    const encoder = gpu.device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    for (let k = 0; k < times; k++) run.encode(pass)
    pass.end()
    gpu.device.queue.submit([encoder.finish()])
    await gpu.read(run.y, 4)
    // The first time it is compiled.
    if (i > 0) taken.push(performance.now() - start)
  }
  return taken.sort((a, b) => a - b)[REPEATS >> 1]!
}

function everyTenth(size: number): PackedRows<Float32Array> {
  const perRow = Math.ceil(size / 10)
  const entries = size * perRow
  return {
    kind: 'rows',
    out: size,
    in: size,
    starts: Uint32Array.from({ length: size + 1 }, (_, row) => row * perRow),
    columns: Uint16Array.from({ length: entries }, (_, e) =>
      Math.min(size - 1, (e % perRow) * 10 + (Math.floor(e / perRow) % 10)),
    ),
    values: new Float32Array(entries).fill(0.5),
  }
}
