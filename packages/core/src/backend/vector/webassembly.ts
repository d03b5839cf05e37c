import type { Expression } from '../../contract/contract.js'
import { putTogether } from '../../select/unit-layout.js'
import type { Bits, Candidates, Chunk, Floats, Kernel, SaliencyRange, SaliencyTally } from '../backend.js'
import { BUCKETS } from '../keys.js'
import { setMaskedBits } from '../masked-bits.js'
import { QUICK_SPAN } from './collect-loops.js'
import { CAPACITY, HEADER, PIECE, STEP } from './loop-memory.js'
import { type Instance, instantiate } from './vector-loops.js'

/** The f32 loops with four elements at a time, compiled for one expression. `compiles` says which expressions have a vector form. */
export function webassembly(expression: Expression): Kernel {
  const instance = instantiate(expression)
  const { areas, loops } = instance
  const { counts, buffers, results } = areas
  const sorted = new Uint32Array(BUCKETS)
  const saliencies = (chunk: Chunk, visit: (values: Float32Array, at: number) => void) =>
    forEachPiece(areas, chunk, CAPACITY, ({ count, shift, at, length }) => {
      loops.saliency(count, shift)
      visit(results.subarray(0, length), at)
    })
  return {
    buffers,
    clear: () => void counts.fill(0),
    counts: () => sortByKey(counts, sorted),
    saliency: (chunk, target) => saliencies(chunk, (values, at) => target.set(values, at)),
    histogram: (chunk) => histogram(instance, chunk),
    collect: (chunk, range, into) => collect(instance, chunk, range, into),
    mask: (chunk, below, ties, target) =>
      forEachPiece(areas, chunk, CAPACITY, (piece) => mask(instance, piece, { below, ties }, target)),
    addScores: (chunk, layout, scores) =>
      saliencies(chunk, (values, at) => putTogether(values, chunk.start + at, layout, scores)),
  }
}

/** Two loops over a page: counting what was stored at that moment would wait for it. */
function histogram({ loops, areas }: Instance, chunk: Chunk): void {
  forEachPiece(areas, chunk, PIECE, ({ count, shift }) => {
    loops.saliency(count, shift)
    loops.count(count, shift)
  })
  areas.counts[MINUS_INFINITY]! -= paddingOf(chunk)
}

function collect(instance: Instance, chunk: Chunk, range: SaliencyRange, into: Candidates): SaliencyTally {
  const { loops, areas, tracks } = instance
  const { header } = areas
  const { length } = into
  const fits = tracks && isQuick(range)
  if (fits) collectBy('quickCollect', instance, { chunk, range, into })
  if (!fits || header[HEADER.unfit] !== 0) {
    into.length = length
    collectBy('collect', instance, { chunk, range, into })
  }
  const below = header[HEADER.below]! - paddingOf(chunk)
  // Zeros are −∞. Where there are none, which is known now, nothing is left to be counted.
  if (header[HEADER.odd] === 0) return { below, zeros: 0, finite: true }
  forEachPiece(areas, chunk, CAPACITY, ({ count, shift }) => loops.survey(count, shift))
  return { below, zeros: header[HEADER.zeros]! - paddingOf(chunk), finite: header[HEADER.notFinite] === 0 }
}

interface Collection {
  readonly chunk: Chunk
  readonly range: SaliencyRange
  readonly into: Candidates
}

function collectBy(name: 'collect' | 'quickCollect', { loops, areas }: Instance, { chunk, range, into }: Collection): void {
  const { header } = areas
  header.fill(0)
  forEachPiece(areas, chunk, CAPACITY, ({ count, shift, at }) => {
    if (header[HEADER.matches]! / 4 + count > CAPACITY) append(areas, chunk.start, into)
    loops[name]!(count, shift, range.low, range.high, at)
  })
  append(areas, chunk.start, into)
}

/** Moves what was found into the list, as far as it fits, and counts the rest. */
function append({ header, results, positions }: Areas, start: number, into: Candidates): void {
  const { saliency, index, length } = into
  const matches = header[HEADER.matches]! / 4
  const kept = Math.min(matches, Math.max(saliency.length - length, 0))
  if (kept > 0) saliency.set(results.subarray(0, kept), length)
  for (let i = 0; i < kept; i++) index[length + i] = start + positions[i]!
  into.length = length + matches
  header[HEADER.matches] = 0
}

function mask({ loops, areas }: Instance, piece: Piece, { below, ties }: { below: number; ties: boolean }, target: Bits): void {
  const { count, shift, at, length } = piece
  loops[ties ? 'maskTies' : 'mask'](count, shift, below)
  setMaskedBits(target, at, areas.bits.subarray(0, length))
}

/** At most `capacity` weights at a time. Puts them into memory unless they are there, and statistics. Zeros follow up to a multiple of STEP: they are counted, and taken off again. */
function forEachPiece(areas: Areas, { weights: all, stats }: Chunk, capacity: number, visit: (piece: Piece) => void): void {
  const { weights, statistics } = areas
  const isThere = all.buffer === weights.buffer && all.length % STEP === 0
  const most = isThere && statistics.length === 0 ? capacity : PIECE
  for (let at = 0; at < all.length; at += most) {
    const length = Math.min(most, all.length - at)
    for (const { key, values } of statistics) values.set(stats![key]!.subarray(at, at + length))
    if (isThere) visit({ count: length, shift: all.byteOffset + 4 * at - weights.byteOffset, at, length })
    else visit({ count: copy(areas, all.subarray(at, at + length)), shift: 0, at, length })
  }
}

function copy({ weights }: Areas, piece: Floats): number {
  const { length } = piece
  weights.set(piece)
  if (length % STEP === 0) return length
  const count = length + STEP - (length % STEP)
  weights.fill(0, length, count)
  return count
}

type Areas = Instance['areas']

/** Weights that are in memory: a multiple of STEP. */
interface Piece {
  readonly count: number
  /** Where they are, in bytes behind the area `weights`. */
  readonly shift: number
  /** Which weights of the chunk they are. */
  readonly at: number
  readonly length: number
}

/** Zeros that were counted behind a chunk. */
const paddingOf = ({ weights: { length } }: Chunk) => -length & (STEP - 1)

/** Whether the bounds are bits that `quickCollect` can tell apart. */
function isQuick({ low, high }: SaliencyRange): boolean {
  const [from = 0, to = 0] = new Int32Array(Float32Array.of(low, high).buffer)
  return low > 0 && to - from < QUICK_SPAN
}

/** Upper half of −∞. */
const MINUS_INFINITY = 0xff80

/** Counts by the upper halves of floats in the order of their keys: those of negative ones come first, from the largest down. */
function sortByKey(counts: Uint32Array, sorted: Uint32Array): Uint32Array {
  const half = BUCKETS / 2
  sorted.set(counts.subarray(half))
  sorted.subarray(0, half).reverse()
  sorted.set(counts.subarray(0, half), half)
  return sorted
}

/** Whether an expression has a vector form. */
export function compiles(e: Expression): boolean {
  if (e.op === 'random') return false
  if ('left' in e) return compiles(e.left) && compiles(e.right)
  return 'of' in e ? compiles(e.of) : true
}
