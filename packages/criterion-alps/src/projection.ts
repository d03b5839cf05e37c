import type { WeightProblem } from '@pare/core'
import type { Projection } from './alternate.js'
import { markLargest } from './largest.js'
import type { OpenProblem } from './problem.js'

/** What a pattern allows to stay, nearest to the state: the largest elements of the weight or of each row, the n largest of each m, or the largest tiles. */
export function projectionOf(problem: WeightProblem, opened: OpenProblem): Projection {
  const { pattern } = problem
  switch (pattern.kind) {
    case 'free':
      return ofElements(problem, opened)
    case 'nm':
      return ofGroups(opened, pattern)
    case 'tile':
      return ofTiles(problem, opened, pattern)
    default:
      return pattern satisfies never
  }
}

/** Rows that are ranked together, and how many of their elements are to be zero: one more in some rows where it cannot be equal, spread evenly. */
function ranksOf({ rows, zeros, scope }: WeightProblem, height: number): { from: number; to: number; zeros: number }[] {
  const size = scope === 'row' ? height : rows
  const upTo = (row: number) => Math.floor((row * zeros) / rows)
  return Array.from({ length: Math.ceil(rows / size) }, (_, i) => {
    const [from, to] = [i * size, Math.min(rows, (i + 1) * size)]
    return { from, to, zeros: upTo(to) - upTo(from) }
  })
}

function ofElements(problem: WeightProblem, { state, stride, kept, allowed }: OpenProblem): Projection {
  const words = new Int32Array(state.data.buffer, state.data.byteOffset, state.data.length)
  const ranks = ranksOf(problem, 1).map(({ from, to, zeros }) => {
    const [start, end] = [from * stride, to * stride]
    let there = 0
    for (let i = start; i < end; i++) if (allowed[i] !== 0) there++
    return { start, end, count: Math.min(there, (to - from) * problem.columns - zeros) }
  })
  const keys = new Int32Array(state.data.length)
  return () => {
    // Sizes of floats sort like their bits without the sign.
    for (let i = 0; i < keys.length; i++) keys[i] = words[i]! & allowed[i]!
    for (const { start, end, count } of ranks) markLargest(keys, allowed, kept, { start, end, count })
  }
}

function ofGroups(
  { rows, columns, stride, state, kept, allowed }: OpenProblem,
  { n, m }: { readonly n: number; readonly m: number },
): Projection {
  const values = state.data
  return () => {
    kept.fill(0)
    for (let row = 0; row < rows; row++) {
      const end = row * stride + columns
      for (let first = row * stride; first < end; first += m) {
        const last = Math.min(first + m, end)
        // Of r < m at the end ⌈r · n / m⌉ stay.
        for (let left = Math.ceil(((last - first) * n) / m); left > 0; left--) {
          let best = -1
          for (let i = first; i < last; i++) {
            if (kept[i] === 1 || allowed[i] === 0) continue
            if (best < 0 || Math.abs(values[i]!) > Math.abs(values[best]!)) best = i
          }
          if (best >= 0) kept[best] = 1
        }
      }
    }
  }
}

/** The tiles of the smallest sum of squares go, as long as no more elements become zero than shall. */
function ofTiles(
  problem: WeightProblem,
  { columns, stride, state, kept, allowed }: OpenProblem,
  tile: { readonly rows: number; readonly columns: number },
): Projection {
  const across = Math.ceil(columns / tile.columns)
  const bands = ranksOf(problem, tile.rows)
  return () => {
    for (let i = 0; i < kept.length; i++) kept[i] = allowed[i] === 0 ? 0 : 1
    for (const { from, to, zeros } of bands) {
      const tiles = Array.from({ length: Math.ceil((to - from) / tile.rows) * across }, (_, t) => {
        const row = from + Math.floor(t / across) * tile.rows
        const column = (t % across) * tile.columns
        const indices = elementsOf(row, Math.min(to, row + tile.rows), column, Math.min(columns, column + tile.columns))
        const own = indices.filter((i) => allowed[i] !== 0)
        return { own, score: own.reduce((sum, i) => sum + state.data[i]! ** 2, 0) }
      })
      let left = zeros - ((to - from) * columns - tiles.reduce((sum, { own }) => sum + own.length, 0))
      for (const { own } of tiles.sort((a, b) => a.score - b.score)) {
        if (own.length > left) break
        left -= own.length
        for (const i of own) kept[i] = 0
      }
    }
  }

  function elementsOf(top: number, bottom: number, left: number, right: number): number[] {
    const indices: number[] = []
    for (let row = top; row < bottom; row++) for (let j = left; j < right; j++) indices.push(row * stride + j)
    return indices
  }
}
