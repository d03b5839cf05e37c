import type { CommonPattern, WeightProblem } from '@pare/core'

// ALPS in f64, line by line, with a solver of its own: what `alps` is compared with.

/** The same steps as `alps` takes, each by its definition: inverses by Gauss and Jordan, ranks by sorting, least squares row by row. */
export function plainAlps(problem: WeightProblem, damping = 0.1): number[] {
  const { rows, columns, weight, stats } = problem
  const { h, scale } = normal(stats.gram!, columns, damping)
  const dense = Array.from({ length: rows }, (_, r) =>
    Array.from({ length: columns }, (_, j) => weight[r * columns + j]! * scale[j]!),
  )
  const target = times(dense, h)
  let kept = plainMask(problem, dense)
  let d = masked(dense, kept)
  let u = dense.map((row) => row.map(() => 0))
  for (let stage = 0; stage < 8; stage++) {
    const penalty = 0.1 * 1.6 ** stage
    if (stage > 0) u = u.map((row) => row.map((value) => value / 1.6))
    const inverse = inverseOf(h.map((row, i) => row.map((value, j) => value + (i === j ? penalty : 0))))
    const before = kept
    for (let step = 0; step < 5; step++) {
      const right = target.map((row, r) => row.map((value, j) => value + penalty * (d[r]![j]! - u[r]![j]!)))
      const both = times(right, inverse).map((row, r) => row.map((value, j) => value + u[r]![j]!))
      kept = plainMask(problem, both)
      d = masked(both, kept)
      u = both.map((row, r) => row.map((value, j) => value - d[r]![j]!))
    }
    const moved = kept.flat().filter((keep, i) => keep !== before.flat()[i]).length
    if (moved < 1e-3 * kept.flat().filter(Boolean).length) break
  }
  return plainRefit(dense, h, kept).flatMap((row) => row.map((value, j) => value / scale[j]!))
}

/** The least-squares fit with the zeros of a mask, row by row: the smallest error that it allows. */
export function plainRefitOf({ rows, columns, weight, stats }: WeightProblem, mask: readonly boolean[], damping = 0.1): number[] {
  const { h, scale } = normal(stats.gram!, columns, damping)
  const dense = Array.from({ length: rows }, (_, r) =>
    Array.from({ length: columns }, (_, j) => weight[r * columns + j]! * scale[j]!),
  )
  const kept = dense.map((row, r) => row.map((_, j) => mask[r * columns + j]!))
  return plainRefit(dense, h, kept).flatMap((row) => row.map((value, j) => value / scale[j]!))
}

/** tr((W − V) · (G + λI) · (W − V)ᵀ). */
export function errorOf({ columns, weight, stats }: WeightProblem, other: ArrayLike<number>, damping = 0.1): number {
  const gram = stats.gram!
  let mean = 0
  for (let j = 0; j < columns; j++) mean += gram[j * columns + j]! / columns
  let error = 0
  for (let row = 0; row < weight.length; row += columns) {
    for (let i = 0; i < columns; i++) {
      const change = weight[row + i]! - other[row + i]!
      for (let j = 0; j < columns; j++)
        error += change * (gram[i * columns + j]! + (i === j ? damping * mean : 0)) * (weight[row + j]! - other[row + j]!)
    }
  }
  return error
}

function normal(gram: Float64Array, columns: number, damping: number): { h: number[][]; scale: number[] } {
  let mean = 0
  for (let j = 0; j < columns; j++) mean += gram[j * columns + j]! / columns
  const scale = Array.from({ length: columns }, (_, j) => Math.sqrt(gram[j * columns + j]! / mean + damping))
  const h = scale.map((a, i) => scale.map((b, j) => (i === j ? 1 : gram[i * columns + j]! / mean / (a * b))))
  return { h, scale }
}

function plainMask({ rows, columns, weight, pattern, zeros, scope }: WeightProblem, values: number[][]): boolean[][] {
  const kept = values.map((row) => row.map(() => false))
  const size = ([r, j]: [number, number]) => (weight[r * columns + j] === 0 ? -1 : Math.abs(values[r]![j]!))
  const keep = (elements: [number, number][], count: number) => {
    for (const [r, j] of elements.toSorted((a, b) => size(b) - size(a)).slice(0, count))
      kept[r]![j] = weight[r * columns + j] !== 0
  }
  const row = (r: number, from = 0, to = columns) =>
    Array.from({ length: to - from }, (_, k) => [r, from + k] as [number, number])
  const all = Array.from({ length: rows }, (_, r) => row(r))
  if (pattern.kind === 'nm') {
    const { n, m } = pattern
    for (let r = 0; r < rows; r++)
      for (let j = 0; j < columns; j += m) {
        const group = row(r, j, Math.min(columns, j + m))
        keep(group, Math.ceil((group.length * n) / m))
      }
  } else if (scope === 'row')
    for (const [r, each] of all.entries())
      keep(each, columns - Math.floor(((r + 1) * zeros) / rows) + Math.floor((r * zeros) / rows))
  else keep(all.flat(), rows * columns - zeros)
  return kept
}

function plainRefit(dense: number[][], h: number[][], kept: boolean[][]): number[][] {
  return dense.map((row, r) => {
    const own = row.flatMap((_, j) => (kept[r]![j] ? [j] : []))
    if (own.length === 0) return row.map(() => 0)
    const inverse = inverseOf(own.map((i) => own.map((j) => h[i]![j]!)))
    const right = own.map((j) => row.reduce((sum, value, i) => sum + value * h[i]![j]!, 0))
    const fitted = row.map(() => 0)
    for (const [a, i] of own.entries()) fitted[i] = right.reduce((sum, value, b) => sum + inverse[a]![b]! * value, 0)
    return fitted
  })
}

const masked = (values: number[][], kept: boolean[][]) => values.map((row, r) => row.map((value, j) => (kept[r]![j] ? value : 0)))
const times = (a: number[][], b: number[][]) =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, value, k) => sum + value * b[k]![j]!, 0)))

function inverseOf(matrix: number[][]): number[][] {
  const both = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))])
  for (let i = 0; i < matrix.length; i++) {
    const pivot = both[i]!.map((value) => value / both[i]![i]!)
    for (const [r, row] of both.entries()) {
      const factor = row[i]!
      both[r] = r === i ? pivot : row.map((value, k) => value - factor * pivot[k]!)
    }
  }
  return both.map((row) => row.slice(matrix.length))
}

export interface RandomProblem {
  readonly rows: number
  readonly columns: number
  readonly seed: number
  readonly zeros: number
  readonly scope?: 'row' | 'tensor'
  readonly pattern?: CommonPattern
}

/** Normal-like weights; inputs that are correlated with their neighbours and of uneven size. */
export function randomProblem({
  rows,
  columns,
  seed,
  zeros,
  scope = 'tensor',
  pattern = { kind: 'free' },
}: RandomProblem): WeightProblem {
  const next = generator(seed)
  const samples = columns + 20
  const inputs = Array.from({ length: samples }, () => {
    let last = 0
    return Array.from({ length: columns }, (_, i) => {
      last = 0.7 * last + next()
      return last * (0.2 + ((i * 7) % 5))
    })
  })
  const gram = new Float64Array(columns ** 2)
  for (const x of inputs)
    for (let i = 0; i < columns; i++) for (let j = 0; j < columns; j++) gram[i * columns + j]! += (x[i]! * x[j]!) / samples
  const weight = Float32Array.from({ length: rows * columns }, () => next() + next() + next())
  return { id: 'w', weight, rows, columns, stats: { gram }, pattern, zeros, scope }
}

/** Numbers from −1 to 1. */
export function generator(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
}
