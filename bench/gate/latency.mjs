import { spawn } from 'node:child_process'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { benchModels } from '@pare/evaluate'
import { modelBytes, parseText } from '@pare/onnx'

/** How often the interval of a model beside a copy of itself leaves out 1, and how often a gate with maxLatency: 1 fails it. */
export async function latency(tries, { seconds, busy, model, threads: asked }) {
  const folder = await mkdtemp(join(tmpdir(), 'pare-bench-'))
  const burner = busy ? spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }) : undefined
  try {
    const paths = { reference: join(folder, 'a.onnx'), pruned: join(folder, 'b.onnx') }
    if (model === undefined) await writeFile(paths.reference, await modelBytes(tiny()))
    else await copyFile(model, paths.reference)
    await copyFile(paths.reference, paths.pruned)
    const rows = []
    for (const threads of asked === undefined ? [...new Set([1, availableParallelism()])] : [Number(asked)]) {
      let [missed, failed, flipped] = [0, 0, 0]
      const reaches = []
      for (let i = 0; i < tries; i++) {
        const { cases } = await benchModels({ ...paths, threads: [threads], batches: [1], sparse: 'never', seconds, seed: i + 1 })
        const { interval, value } = cases[0].speedup
        if (interval[0] > 1 || interval[1] < 1) missed++
        // The time of the pruned model is 1 ÷ speed-up: it is longer beyond doubt where the whole interval is below 1.
        if (interval[1] < 1) failed++
        if (1 / value > 1) flipped++
        reaches.push(Math.max(interval[1] / value, value / interval[0]) - 1)
        // A long one shows how far it is, and what it came to so far.
        const isLast = i === tries - 1
        if (!isLast && (i + 1) % 25 === 0)
          console.log(
            `${threads} threads: ${i + 1} of ${tries} tries, the interval leaves out 1 in ${missed}, fails ${failed}, by its point ${flipped}`,
          )
        if (isLast)
          rows.push({
            threads,
            tries,
            openings: cases[0].openings,
            ms: cases[0].referenceMs.toPrecision(2),
            'interval leaves out 1': missed,
            'fails maxLatency: 1': failed,
            'would by its point': flipped,
            'resolves, median': `${(100 * reaches.sort((a, b) => a - b)[tries >> 1]).toFixed(2)} %`,
          })
      }
    }
    console.table(rows)
  } finally {
    burner?.kill()
    await rm(folder, { recursive: true })
  }
}

/** Some 20 µs a run. */
function tiny() {
  const weight = Float32Array.from({ length: 64 * 64 }, (_, i) => Math.sin(i) / 8)
  return parseText('g (float[N, 64] x) => (float[N, 64] y) <float[64, 64] w> { h = MatMul(x, w) r = Relu(h) y = MatMul(r, w) }', {
    w: weight,
  })
}
