import type { Bits, Candidates, Chunk, Floats, Kernel, SaliencyRange, UnitLayout } from './backend.js'
import type { Expression } from './contract.js'
import { ZEROS } from './keys.js'
import { putTogether } from './unit-layout.js'
import { CAPACITY, instantiate, positionOf } from './vector-loops.js'

/** The f32 loops with four elements at a time, compiled for one expression. `compiles` says which expressions have a vector form. */
export function webassembly(expression: Expression): Kernel {
  const { loops, areas } = instantiate(expression)
  const { counts, header, weights, results, bits, positions, statistics } = areas
  return {
    clear: () => void counts.fill(0),
    counts: () => counts,
    saliency: (chunk, target) => forPieces(chunk, (piece, at) => saliency(piece, target.subarray(at))),
    histogram: (chunk) => forPieces(chunk, histogram),
    collect(chunk, range, into) {
      let below = 0
      forPieces(chunk, (piece) => {
        below += collect(piece, range, into)
      })
      return below
    },
    mask: (chunk, below, ties, target) => forPieces(chunk, (piece, at) => mask(piece, { below, ties }, target.subarray(at))),
    addScores: (chunk, layout, scores) => forPieces(chunk, (piece) => addScores(piece, layout, scores)),
  }

  function saliency(piece: Chunk, target: Floats): void {
    loops.saliency(load(piece).count)
    target.set(results.subarray(0, piece.weights.length))
  }

  function histogram(piece: Chunk): void {
    const { count, padding } = load(piece)
    loops.histogram(count)
    counts[ZEROS.f32]! -= padding
  }

  function collect(piece: Chunk, { low, high }: SaliencyRange, into: Candidates): number {
    const { count, padding } = load(piece)
    loops.collect(count, low, high)
    const [below = 0, bytes = 0] = header
    for (let i = 0; i < bytes / 4; i++) {
      into.saliency[into.length] = results[i]!
      into.index[into.length++] = piece.start + positionOf(positions[i]!)
    }
    return below - padding
  }

  function mask(piece: Chunk, { below, ties }: { below: number; ties: boolean }, target: Bits): void {
    const { length } = piece.weights
    const { count } = load(piece)
    loops[ties ? 'maskTies' : 'mask'](count, below)
    if (target instanceof Uint32Array) target.set(bits.subarray(0, length))
    // Half-width elements were widened: what is zero now was zero or is masked.
    else for (let i = 0; i < length; i++) target[i]! &= -(bits[i] !== 0)
  }

  function addScores(piece: Chunk, layout: UnitLayout, scores: Float64Array): void {
    loops.saliency(load(piece).count)
    putTogether(results.subarray(0, piece.weights.length), piece.start, layout, scores)
  }

  /** Puts weights into memory, followed by zeros up to a multiple of four: they are counted as zeros, and taken off again. */
  function load(piece: Chunk): { count: number; padding: number } {
    const { length } = piece.weights
    const padding = -length & 3
    weights.set(piece.weights)
    weights.fill(0, length, length + padding)
    for (const { key, values } of statistics) values.set(piece.stats![key]!)
    return { count: length + padding, padding }
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
