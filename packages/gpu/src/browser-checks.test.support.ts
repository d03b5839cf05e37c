import { type Expression, randomStream, reference } from '@pare/core/backends'
import { gpuBackend, openGpu, openProduct } from './index.js'
import type { DeviceMatrix } from './products/entries.js'

// These run in a page of a browser.

export async function selections() {
  const gpu = await openGpu()
  const expression: Expression = {
    op: 'divide',
    left: { op: 'multiply', left: { op: 'abs', of: { op: 'weight' } }, right: { op: 'sqrt', of: { op: 'statistic', key: 'a' } } },
    right: { op: 'add', left: { op: 'random' }, right: { op: 'constant', value: 0.5 } },
  }
  const weights = Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i * i) * 10 ** ((i % 80) - 40))
  const stats = { a: weights.map((w) => w * w + 1) }
  const chunk = { weights, stats, start: 3, stream: randomStream(1, 'w') }
  const results = await Promise.all(
    [gpuBackend(gpu), reference].map(async (backend) => {
      const kernel = backend.compile(expression, 'f32')
      const saliency = new Float32Array(5000)
      await kernel.saliency(chunk, saliency)
      kernel.clear()
      await kernel.histogram(chunk)
      const into = { saliency: new Float64Array(5000), index: new Float64Array(5000), length: 0 }
      const tally = await kernel.collect(chunk, { low: 1, high: 1e6 }, into)
      const mask = new Uint32Array(weights.slice().buffer)
      await kernel.mask(chunk, 1, false, mask)
      return { lists: [saliency, await kernel.counts(), into.index, mask], tally, found: into.length }
    }),
  )
  const [mine, theirs] = [results[0]!, results[1]!]
  const same = mine.lists.map((list, n) => Array.from<number>(list).every((x, i) => Object.is(x, theirs.lists[n]![i])))
  await gpu[Symbol.asyncDispose]()
  return { same: same.map((equal) => equal && mine.tally.below === theirs.tally.below), candidates: mine.found }
}

export async function products() {
  const gpu = await openGpu()
  const shape = { out: 2, in: 3 }
  const x = Float32Array.of(1, 2, 3, 2, 4, 6)
  const rows: DeviceMatrix = {
    kind: 'rows',
    ...shape,
    starts: Uint32Array.of(0, 2, 3),
    columns: Uint16Array.of(0, 2, 1),
    values: Float32Array.of(1, 2, 4),
  }
  const dense: DeviceMatrix = { kind: 'dense', ...shape, values: Float32Array.of(1, 0, 2, 0, 4, 0) }
  const answers: number[][] = []
  for (const [matrix, m] of [
    [dense, 2],
    [rows, 2],
    [dense, 10],
  ] as const) {
    const product = openProduct(gpu, matrix)
    const padded = new Float32Array(m * 3)
    padded.set(x)
    answers.push([...(await product.multiply(padded, m))])
  }
  await gpu[Symbol.asyncDispose]()
  return answers
}
