import { type Backend, randomStream, reference } from '@pare/core/backends'
import { testBackend } from '@pare/testing'
import { describe, expect, test } from 'vitest'
import { onEachAdapter } from './adapters.test.support.js'
import { gpuBackend } from './backend.js'
import type { Gpu } from './gpu.js'

onEachAdapter((gpu) => {
  testBackend(lazily(gpu, 'gpu', {}), { runs: 25 })
  testBackend(lazily(gpu, 'gpu in tiles of 7', { tile: 7 }), { runs: 10 })

  describe('a weight of 300,001 elements', () => {
    const weights = Float32Array.from({ length: 300_001 }, (_, i) => Math.round(1000 * Math.sin(i * i)) / 1000)
    const chunk = { weights, start: 5, stream: randomStream(1, 'w') }
    const kernels = () =>
      [gpuBackend(gpu()), reference].map((backend) => backend.compile({ op: 'abs', of: { op: 'weight' } }, 'f32'))

    test('candidates of many blocks are in order', async () => {
      const [mine, theirs] = await Promise.all(
        kernels().map(async (kernel) => {
          const into = { saliency: new Float64Array(300_001), index: new Float64Array(300_001), length: 0 }
          return { below: await kernel.collect(chunk, { low: 0.25, high: 0.5 }, into), into }
        }),
      )
      expect(mine!.into.length).toBeGreaterThan(30_000)
      expect(mine).toEqual(theirs)
    })

    test.each([1, 50, 64, 1000, 100_000, 5e8])('units of %i elements in a row score the same', async (inner) => {
      const units = Int32Array.from({ length: 40 }, (_, u) => u % 3)
      for (const put of ['sum', 'squares', 'max'] as const) {
        const [mine, theirs] = await Promise.all(
          kernels().map(async (kernel) => {
            const scores = new Float64Array(3)
            await kernel.addScores(chunk, { inner, units, put }, scores)
            return scores
          }),
        )
        for (const [unit, score] of theirs!.entries()) expect(Math.abs(mine![unit]! - score)).toBeLessThanOrEqual(1e-6 * score)
      }
    })
  })
})

/** Tests are listed before their adapter is open. */
function lazily(gpu: () => Gpu, name: string, options: { tile?: number }): Backend {
  let backend: Backend | undefined
  return {
    name,
    compile(expression, precision) {
      backend ??= gpuBackend(gpu(), options)
      return backend.compile(expression, precision)
    },
  }
}
