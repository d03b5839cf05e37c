import type { ColumnBlock } from './block.js'

export interface Nm {
  readonly n: number
  readonly m: number
}

/**
 * Goes through the columns of a block: a weight that goes leaves an error, which the columns after it in the block make up for. With a rule, each row
 * keeps n of m columns, chosen when the first of them is reached, by the weights as they are then. rows · size² operations at most.
 */
export function sweep(block: ColumnBlock, rule?: Nm): void {
  const { rows, size, values, zeroFlags, errors, triangle } = block
  const scoreOf = (element: number) => score(block, element)
  for (let row = 0; row < rows; row++) {
    const start = row * size
    for (let i = 0; i < size; i++) {
      if (rule && i % rule.m === 0) maskGroup(zeroFlags, scoreOf, rule, { first: start + i, end: start + size })
      if (zeroFlags[start + i] === 0) continue
      const line = i * size
      const error = values[start + i]! / triangle[line + i]!
      errors[start + i] = error
      values[start + i] = 0
      if (error === 0) continue
      for (let j = i + 1; j < size; j++) values[start + j]! -= error * triangle[line + j]!
    }
  }
}

/** w² / U[j, j]²: what the loss grows by, times two, when this weight goes and those after it make up for it. */
export function score({ values, size, triangle }: ColumnBlock, element: number): number {
  const j = element % size
  const ratio = values[element]! / triangle[j * size + j]!
  return ratio * ratio
}

/** Of the m elements from `first` on those with the lowest scores go, of equal ones the first, until n are left. Of r < m up to `end` ⌈r · n / m⌉ stay. */
export function maskGroup(
  zeroFlags: Uint8Array,
  scoreOf: (element: number) => number,
  { n, m }: Nm,
  { first, end }: Range,
): void {
  const last = Math.min(first + m, end)
  let excess = -Math.ceil(((last - first) * n) / m)
  for (let e = first; e < last; e++) excess += 1 - zeroFlags[e]!
  for (; excess > 0; excess--) {
    let lowest = -1
    for (let e = first; e < last; e++) {
      if (zeroFlags[e] === 0 && (lowest < 0 || scoreOf(e) < scoreOf(lowest))) lowest = e
    }
    zeroFlags[lowest] = 1
  }
}

interface Range {
  readonly first: number
  readonly end: number
}
