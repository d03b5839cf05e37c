import type { UnitReader } from '@pare/core'

// OSSCAR in f64 by its definitions, with solvers of its own: what `osscar` is compared with.

/** The least ½ · Σ c_r · ‖(Ŵ − W)_r·X‖² + damping that weights without the columns of the units `out` allow. */
export function plainError(readers: readonly UnitReader[], out: ReadonlySet<number>, damping: number): number {
  return readers.reduce((sum, reader) => sum + readerError(reader, out, damping), 0)
}

function readerError({ gram, weight, rows, units, felt }: UnitReader, out: ReadonlySet<number>, damping: number): number {
  const n = units.length
  const g = Array.from({ length: n }, (_, i) => Array.from(gram.subarray(i * n, (i + 1) * n)))
  const mean = g.reduce((sum, row, i) => sum + row[i]!, 0) / n || 1
  const h = g.map((row, i) => row.map((value, j) => value + (i === j ? damping * mean : 0)))
  const w = Array.from({ length: rows }, (_, r) => Array.from(weight.subarray(r * n, (r + 1) * n)))
  const energy = w.reduce((sum, row) => sum + form(row, g), 0) || 1
  const kept = [...units.keys()].filter((column) => !out.has(units[column]!))
  return w.reduce((sum, row, r) => {
    const y = h.map((line) => line.reduce((all, value, j) => all + value * row[j]!, 0))
    const fit = solve(
      kept.map((i) => kept.map((j) => h[i]![j]!)),
      kept.map((i) => y[i]!),
    )
    const left = row.map((value, j) => value - (kept.includes(j) ? fit[kept.indexOf(j)]! : 0))
    return sum + 0.5 * (felt?.[r] ?? 1 / energy) * form(left, h)
  }, 0)
}

/** Backward elimination, each round trying every unit: the one without which the error is least goes. */
export function plainElimination(readers: readonly UnitReader[], units: number, count: number, damping: number): number[] {
  const out: number[] = []
  while (out.length < count) {
    const errors = Array.from({ length: units }, (_, unit) =>
      out.includes(unit) ? Infinity : plainError(readers, new Set([...out, unit]), damping),
    )
    out.push(errors.indexOf(Math.min(...errors)))
  }
  return out
}

/** All sets of `count` of the units. */
export function subsets(units: number, count: number): number[][] {
  if (count === 0) return [[]]
  if (units < count) return []
  return [...subsets(units - 1, count), ...subsets(units - 1, count - 1).map((set) => [...set, units - 1])]
}

/** xᵀ·M·x */
function form(x: readonly number[], m: readonly (readonly number[])[]): number {
  return x.reduce((sum, a, i) => sum + a * x.reduce((all, b, j) => all + m[i]![j]! * b, 0), 0)
}

/** By Gauss, with pivots. */
function solve(matrix: number[][], right: number[]): number[] {
  const n = right.length
  const m = matrix.map((row, i) => [...row, right[i]!])
  for (let i = 0; i < n; i++) {
    const best = m.slice(i).reduce((at, row, k) => (Math.abs(row[i]!) > Math.abs(m[at]![i]!) ? i + k : at), i)
    ;[m[i], m[best]] = [m[best]!, m[i]!]
    for (let k = 0; k < n; k++) {
      if (k === i) continue
      const factor = m[k]![i]! / m[i]![i]!
      for (let j = i; j <= n; j++) m[k]![j]! -= factor * m[i]![j]!
    }
  }
  return m.map((row, i) => row[n]! / row[i]!)
}
