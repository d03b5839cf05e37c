import {
  type Backend,
  type Bits,
  BUCKETS,
  type Candidates,
  type Chunk,
  cpu,
  type Expression,
  type Floats,
  type Kernel,
  putTogether,
  type SaliencyRange,
  type SaliencyTally,
  setMaskedBits,
  type UnitLayout,
} from '@pare/core/backends'
import type { Gpu } from './gpu.js'
import { BLOCK, GATHER, GROUP, HISTOGRAM, MASK, OFFSETS, SALIENCY, TALLY } from './loops.js'
import { keysOf, saliencyShader } from './saliency-shader.js'
import { type DeviceTiles, openTiles } from './tiles.js'
import { partsOf } from './unit-loops.js'

export interface GpuBackendOptions {
  /** Most weights at a time. Default: 4,194,304, which is the most, or what the device can bind */
  readonly tile?: number
}

/**
 * The backend on a GPU. Saliencies are computed with integers (`exact-floats.ts`), so that it selects exactly what the CPU selects. WGSL has no f64: weights
 * of that type stay on the CPU. Throws GpuLost where the device is lost.
 */
export function gpuBackend(gpu: Gpu, { tile = TILE }: GpuBackendOptions = {}): Backend {
  const most = Math.min(tile, TILE, Math.floor(gpu.adapter.limits.maxStorageBufferBindingSize / 8))
  const turns = inTurn()
  const tiles = onFirstUse(() => openTiles(gpu, most))
  return {
    name: 'gpu',
    chunkBytes: 4 * most,
    compile: (expression, precision) =>
      precision === 'f64' ? cpu.compile(expression, precision) : compile(gpu, { expression, most, turns, tiles }),
  }
}

/** 16 MiB: enough to hide the cost of a submission, little enough to be there twice. */
const TILE = 1 << 22

function onFirstUse<T>(make: () => T): () => T {
  let value: T | undefined
  return () => {
    value ??= make()
    return value
  }
}

/** Work of which each begins when the one before is done: buffers are used again. */
type Turns = <T>(work: () => Promise<T>) => Promise<T>

function inTurn(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const next = last.then(work)
    last = next.catch(() => undefined)
    return next
  }
}

interface Compiling {
  readonly expression: Expression
  readonly most: number
  readonly turns: Turns
  readonly tiles: () => DeviceTiles
}

function compile(gpu: Gpu, { expression, most, turns, tiles }: Compiling): Kernel {
  const program = { gpu, shader: saliencyShader(expression), keys: keysOf(expression), tiles }
  const counters = openCounters(program)
  const forEachTile = (chunk: Chunk, visit: (piece: Chunk, at: number) => Promise<void>) =>
    turns(() => forTiles(chunk, most, visit))
  return {
    saliency: (chunk, target) => forEachTile(chunk, (piece, at) => saliency(program, piece, target.subarray(at))),
    clear: counters.clear,
    histogram: (chunk) => forEachTile(chunk, counters.add),
    counts: () => turns(counters.read),
    collect: async (chunk, range, into) => {
      const all = { below: 0, zeros: 0, finite: true }
      await forEachTile(chunk, async (piece) => {
        const { below, zeros, finite } = await collect(program, piece, range, into)
        all.below += below
        all.zeros += zeros
        all.finite &&= finite
      })
      return all
    },
    mask: (chunk, below, ties, target) =>
      forEachTile(chunk, (piece, at) => mask(program, piece, { below, ties }, target.subarray(at))),
    addScores: (chunk, layout, scores) => forEachTile(chunk, (piece) => addScores(program, piece, layout, scores)),
  }
}

/** The loops over one expression. */
interface Program {
  readonly gpu: Gpu
  /** WGSL that computes a saliency. */
  readonly shader: string
  /** Of the statistics, in the order in which the shader counts them. */
  readonly keys: readonly string[]
  readonly tiles: () => DeviceTiles
}

async function saliency(program: Program, piece: Chunk, target: Floats): Promise<void> {
  target.set(new Float32Array(await resultsOf(program, piece, SALIENCY)))
}

async function resultsOf({ gpu, shader, keys, tiles }: Program, piece: Chunk, loop: string, words = {}): Promise<ArrayBuffer> {
  const { length } = piece.weights
  const { load, run, results } = tiles()
  load(piece, keys, words)
  await run(shader + loop, { groups: length / GROUP })
  return gpu.read(results, 4 * length)
}

/** How many saliencies fall into each bucket. */
function openCounters({ gpu, shader, keys, tiles }: Program) {
  const counts = onFirstUse(() => gpu.buffer(4 * BUCKETS))
  let submitted: Promise<void> = Promise.resolve()
  return {
    clear: () => void gpu.device.queue.writeBuffer(counts(), 0, new Uint32Array(BUCKETS)),
    read: async () => new Uint32Array(await gpu.read(counts(), 4 * BUCKETS)),
    add: async (piece: Chunk): Promise<void> => {
      const { load, run } = tiles()
      load(piece, keys)
      await run(shader + HISTOGRAM, { groups: piece.weights.length / GROUP, into: counts() })
      // What is submitted holds a copy of the weights until it has run: one is copied while another runs, and no more.
      await submitted
      submitted = gpu.idle()
      // It is thrown where it is awaited, or by whoever reads the counts.
      submitted.catch(() => undefined)
    },
  }
}

async function collect(program: Program, piece: Chunk, { low, high }: SaliencyRange, into: Candidates): Promise<SaliencyTally> {
  const { gpu, shader, keys, tiles } = program
  const blocks = Math.ceil(piece.weights.length / BLOCK)
  const { load, run, results, tallies, candidates } = tiles()
  load(piece, keys, { low: keyOf(low), high: keyOf(high) })
  await run(shader + SALIENCY, { groups: piece.weights.length / GROUP })
  await run(TALLY, { groups: blocks, from: results, into: tallies })
  await run(OFFSETS, { groups: 1, from: results, into: tallies })
  await run(GATHER, { groups: blocks, from: results, into: tallies })
  const words = new Uint32Array(await gpu.read(tallies, 16 * (blocks + 1)))
  const [count = 0, below = 0, zeros = 0, notFinite = 0] = words.subarray(4 * blocks)
  // What does not fit is only counted.
  const fitting = Math.min(count, Math.max(into.saliency.length - into.length, 0))
  append(await gpu.read(candidates, 8 * fitting), piece.start, into)
  into.length += count
  return { below, zeros, finite: notFinite === 0 }
}

/** Writes pairs of saliency and place behind the list. */
function append(pairs: ArrayBuffer, start: number, { saliency, index, length }: Candidates): void {
  const [values, places] = [new Float32Array(pairs), new Uint32Array(pairs)]
  for (let i = 0; 2 * i < values.length; i++) {
    saliency[length + i] = values[2 * i]!
    index[length + i] = start + places[2 * i + 1]!
  }
}

async function mask(
  program: Program,
  piece: Chunk,
  { below, ties }: { below: number; ties: boolean },
  target: Bits,
): Promise<void> {
  const words = { low: keyOf(below), ties: ties ? 1 : 0 }
  setMaskedBits(target, 0, new Uint32Array(await resultsOf(program, piece, MASK, words)))
}

async function addScores(program: Program, piece: Chunk, layout: UnitLayout, scores: Float64Array): Promise<void> {
  const { start, weights } = piece
  const { units, put } = layout
  const parts = partsOf({ start, count: weights.length }, layout)
  if (parts === undefined) return putTogether(new Float32Array(await resultsOf(program, piece, SALIENCY)), start, layout, scores)
  const { gpu, shader, keys, tiles } = program
  const { load, run, results, parts: target } = tiles()
  load(piece, keys, { ...parts.words, parts: parts.count })
  await run(shader + SALIENCY, { groups: weights.length / GROUP })
  await run(parts.shader(put), { groups: parts.groups, from: results, into: target })
  const values = new Float32Array(await gpu.read(target, 4 * parts.count))
  for (let part = 0; part < parts.count; part++) {
    const unit = units[parts.position(part) % units.length]!
    if (unit < 0) continue
    scores[unit] = put === 'max' ? Math.max(scores[unit]!, values[part]!) : scores[unit]! + values[part]!
  }
}

/** The bits of a number of f32, changed so that they sort as the numbers do. −0 is 0. */
function keyOf(x: number): number {
  const bits = new Uint32Array(Float32Array.of(x + 0).buffer)[0]!
  return (bits ^ (bits >= 0x80000000 ? 0xffffffff : 0x80000000)) >>> 0
}

/** A chunk in tiles, one after another, each with its place in the chunk. */
async function forTiles(
  { weights, start, stream, stats }: Chunk,
  most: number,
  visit: (piece: Chunk, at: number) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < weights.length; at += most) {
    const of = (list: Floats) => list.subarray(at, at + most)
    const own = stats && Object.fromEntries(Object.entries(stats).map(([key, list]) => [key, of(list)]))
    await visit({ weights: of(weights), start: start + at, stream, ...(own && { stats: own }) }, at)
  }
}
