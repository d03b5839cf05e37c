// Products with weights that are on the device.
import { openProduct } from '@pare/gpu'
import { largestError } from './matrices.mjs'
import { REPEATS, ROWS, round, SIZE } from './settings.mjs'

/** Time of one product on the device for each number of rows, the largest difference from a few sums by hand, and bytes moved. */
export async function products(gpu, matrix) {
  const product = openProduct(gpu, matrix)
  const given = { bytes: product.bytes, entries: matrix.values.length, rows: {} }
  for (const m of ROWS) {
    const x = Float32Array.from({ length: m * SIZE }, (_, i) => Math.sin(i))
    const y = await product.multiply(x, m)
    const prepared = await product.prepare(m)
    const ms = await timed(gpu, (pass) => prepared.encode(pass))
    const operations = 2 * m * matrix.values.length
    given.rows[m] = {
      ms: round(ms),
      gflops: round(operations / ms / 1e6),
      asDenseGflops: round((2 * m * SIZE * SIZE) / ms / 1e6),
      // Weight, x and y once each: the least that must move.
      gbPerSecond: round((product.bytes + 4 * m * 2 * SIZE) / ms / 1e6),
      error: largestError(matrix, x, y),
    }
  }
  product[Symbol.dispose]()
  return given
}

/** Milliseconds of one pass: the difference of many and few in one submission, so that what a submission costs falls out. */
async function timed(gpu, encode) {
  const submit = async (count) => {
    const start = performance.now()
    const encoder = gpu.device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    for (let i = 0; i < count; i++) encode(pass)
    pass.end()
    gpu.device.queue.submit([encoder.finish()])
    await gpu.idle()
    return performance.now() - start
  }
  await submit(1)
  const once = Math.max(await submit(1), 1e-3)
  const count = Math.min(Math.max(Math.round(100 / once), 2), 200)
  const times = []
  for (let i = 0; i < REPEATS; i++) {
    const few = await submit(1)
    times.push(((await submit(count + 1)) - few) / count)
  }
  return times.sort((a, b) => a - b)[REPEATS >> 1]
}
