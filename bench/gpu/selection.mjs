// The passes of a selection over many weights.
import { cpu, randomStream } from '@pare/core/backends'
import { gpuBackend } from '@pare/gpu'
import { REPEATS, round, WEIGHTS } from './settings.mjs'

const EXPRESSIONS = {
  '|w|': { op: 'abs', of: { op: 'weight' } },
  'sqrt(w² · a + 1e-6)': {
    op: 'sqrt',
    of: {
      op: 'add',
      left: { op: 'multiply', left: { op: 'square', of: { op: 'weight' } }, right: { op: 'constant', value: 0.7 } },
      right: { op: 'constant', value: 1e-6 },
    },
  },
}

function manyWeights() {
  const weights = new Float32Array(WEIGHTS)
  const bits = new Uint32Array(weights.buffer)
  let state = 7
  for (let i = 0; i < weights.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    // Exponents from 2^−12 to 2^−5.
    bits[i] = (state & 0x807fffff) | ((115 + ((state >>> 8) & 7)) << 23)
  }
  return weights
}

/** Both passes of a selection without a sample, through the backends: weights are uploaded each time. */
export async function selection(gpu) {
  const weights = manyWeights()
  const given = { bytes: 2 * weights.byteLength }
  for (const [name, expression] of Object.entries(EXPRESSIONS)) {
    const runs = {}
    for (const backend of [gpuBackend(gpu), cpu]) {
      const kernel = backend.compile(expression, 'f32')
      const chunks = cut(weights, (backend.chunkBytes ?? 1 << 20) / 4)
      const into = { saliency: new Float64Array(weights.length / 20), index: new Float64Array(weights.length / 20), length: 0 }
      const range = { low: Math.fround(0.01), high: Math.fround(0.0101) }
      let [best, below] = [Infinity, 0]
      for (let i = 0; i < 3; i++) {
        const start = performance.now()
        kernel.clear()
        for (const chunk of chunks) await kernel.histogram(chunk)
        runs[backend.name] = { counts: await kernel.counts() }
        into.length = 0
        below = 0
        for (const chunk of chunks) below += (await kernel.collect(chunk, range, into)).below
        best = Math.min(best, performance.now() - start)
      }
      Object.assign(runs[backend.name], { ms: best, below, into })
    }
    const { gpu: mine, cpu: theirs } = runs
    const same =
      mine.below === theirs.below &&
      mine.into.length === theirs.into.length &&
      mine.counts.every((count, b) => count === theirs.counts[b]) &&
      mine.into.index
        .subarray(0, mine.into.length)
        .every((index, i) => index === theirs.into.index[i] && mine.into.saliency[i] === theirs.into.saliency[i])
    const rate = ({ ms }) => ({ ms: round(ms), gbPerSecond: round(given.bytes / ms / 1e6) })
    given[name] = { same, candidates: mine.into.length, gpu: rate(mine), cpu: rate(theirs) }
  }
  return given
}

function cut(weights, size) {
  const stream = randomStream(1, 'w')
  return Array.from({ length: Math.ceil(weights.length / size) }, (_, i) => ({
    weights: weights.subarray(i * size, (i + 1) * size),
    start: i * size,
    stream,
  }))
}

/** The same loops over weights that are on the device already. */
export async function resident(gpu) {
  const [{ openTiles }, loops, { saliencyShader }] = await Promise.all(
    ['tiles', 'loops', 'saliency-shader'].map(
      (name) => import(new URL(`../../packages/gpu/dist/${name}.js`, import.meta.url).href),
    ),
  )
  const { maxStorageBufferBindingSize } = gpu.adapter.limits
  // Candidates take two words.
  const count = Math.min(WEIGHTS, Math.floor(maxStorageBufferBindingSize / 8))
  const tiles = openTiles(gpu, count)
  const [chunk] = cut(manyWeights().subarray(0, count), count)
  tiles.load(chunk, [], { low: 0xbc23d70a, high: 0xbc2575da })
  const given = { weights: count, bytes: 4 * count }
  const counts = gpu.buffer(4 * 65536)
  const run = async (code, work) => {
    await tiles.run(code, work)
    await gpu.idle()
    const times = []
    for (let i = 0; i < REPEATS; i++) {
      const start = performance.now()
      for (let k = 0; k < 10; k++) await tiles.run(code, work)
      await gpu.idle()
      times.push((performance.now() - start) / 10)
    }
    return times.sort((a, b) => a - b)[REPEATS >> 1]
  }
  const groups = count / loops.GROUP
  const blocks = count / loops.BLOCK
  for (const [name, expression] of Object.entries(EXPRESSIONS)) {
    const shader = saliencyShader(expression)
    const ms = {
      histogram: await run(shader + loops.HISTOGRAM, { groups, into: counts }),
      saliency: await run(shader + loops.SALIENCY, { groups }),
      tally: await run(loops.TALLY, { groups: blocks, from: tiles.results, into: tiles.tallies }),
      mask: await run(shader + loops.MASK, { groups }),
    }
    given[name] = Object.fromEntries(
      Object.entries(ms).map(([loop, time]) => [loop, { ms: round(time), gbReadPerSecond: round((4 * count) / time / 1e6) }]),
    )
  }
  return given
}
