import type { Bits, Candidates, Chunk, Floats, Kernel, SaliencyRange, Tally, UnitLayout } from './backend.js'
import type { Expression } from './contract.js'
import { ZEROS } from './keys.js'
import { putTogether } from './unit-layout.js'
import { CAPACITY, instantiate, positionOf, STEP } from './vector-loops.js'

/** The f32 loops with four elements at a time, compiled for one expression. `compiles` says which expressions have a vector form. */
export function webassembly(expression: Expression): Kernel {
  const { loops, areas } = instantiate(expression)
  const { counts, header, odd, weights, buffers, results, bits, positions, statistics } = areas
  return {
    buffers: [buffers[0]!, buffers[1]!],
    clear: () => void counts.fill(0),
    counts: () => counts,
    saliency: (chunk, target) => forPieces(chunk, (piece, at) => saliency(piece, target.subarray(at))),
    histogram: (chunk) => forPieces(chunk, histogram),
    collect(chunk, range, into) {
      const all = { below: 0, zeros: 0, finite: true }
      forPieces(chunk, (piece) => {
        const tally = collect(piece, range, into)
        all.below += tally.below
        all.zeros += tally.zeros
        all.finite &&= tally.finite
      })
      return all
    },
    mask: (chunk, below, ties, target) => forPieces(chunk, (piece, at) => mask(piece, { below, ties }, target.subarray(at))),
    addScores: (chunk, layout, scores) => forPieces(chunk, (piece) => addScores(piece, layout, scores)),
  }

  function saliency(piece: Chunk, target: Floats): void {
    const { count, shift } = load(piece)
    loops.saliency(count, shift)
    target.set(results.subarray(0, piece.weights.length))
  }

  function histogram(piece: Chunk): void {
    const { count, shift, padding } = load(piece)
    loops.histogram(count, shift)
    counts[ZEROS.f32]! -= padding
  }

  function collect(piece: Chunk, { low, high }: SaliencyRange, into: Candidates): Tally {
    const { count, shift, padding } = load(piece)
    loops.collect(count, shift, low, high)
    const [below = 0, bytes = 0] = header
    const found = bytes / 4
    const { saliency, index, length } = into
    const kept = Math.min(found, Math.max(saliency.length - length, 0))
    if (kept > 0) saliency.set(results.subarray(0, kept), length)
    for (let i = 0; i < kept; i++) index[length + i] = piece.start + positionOf(positions[i]!)
    into.length += found
    const isOdd = odd.some((bits) => bits !== 0)
    // Zeros are −∞. Where there are none, which is known now, nothing is left to be counted.
    if (isOdd) loops.survey(count, shift)
    const zeros = isOdd ? header[2]! - padding : 0
    return { below: below - padding, zeros, finite: odd.every((bits) => bits === 0) }
  }

  function mask(piece: Chunk, { below, ties }: { below: number; ties: boolean }, target: Bits): void {
    const { length } = piece.weights
    const { count, shift } = load(piece)
    loops[ties ? 'maskTies' : 'mask'](count, shift, below)
    if (target instanceof Uint32Array) target.set(bits.subarray(0, length))
    // Half-width elements were widened: what is zero now was zero or is masked.
    else for (let i = 0; i < length; i++) target[i]! &= -(bits[i] !== 0)
  }

  function addScores(piece: Chunk, layout: UnitLayout, scores: Float64Array): void {
    const { count, shift } = load(piece)
    loops.saliency(count, shift)
    putTogether(results.subarray(0, piece.weights.length), piece.start, layout, scores)
  }

  /** Puts weights into memory unless they are there. Zeros follow up to a multiple of STEP: they are counted as zeros, and taken off again. */
  function load(piece: Chunk): { count: number; shift: number; padding: number } {
    const { length, buffer, byteOffset } = piece.weights
    const padding = -length & (STEP - 1)
    for (const { key, values } of statistics) values.set(piece.stats![key]!)
    if (buffer === weights.buffer && padding === 0) return { count: length, shift: byteOffset - weights.byteOffset, padding }
    weights.set(piece.weights)
    weights.fill(0, length, length + padding)
    return { count: length + padding, shift: 0, padding }
  }
}

/** Whether an expression has a vector form. */
export function compiles(e: Expression): boolean {
  if (e.op === 'random') return false
  if ('left' in e) return compiles(e.left) && compiles(e.right)
  return 'of' in e ? compiles(e.of) : true
}

/** A chunk in pieces that fit into memory, each with its place in the chunk. */
function forPieces({ weights, start, stream, stats }: Chunk, visit: (piece: Chunk, at: number) => void): void {
  for (let at = 0; at < weights.length; at += CAPACITY) {
    const of = (list: Floats) => list.subarray(at, at + CAPACITY)
    const own = stats && Object.fromEntries(Object.entries(stats).map(([key, list]) => [key, of(list)]))
    visit({ weights: of(weights), start: start + at, stream, ...(own && { stats: own }) }, at)
  }
}
