import {
  type Code,
  type Definition,
  define,
  f32x4,
  f64x2,
  i32,
  type Local,
  moduleOf,
  plus,
  repeat,
  v128,
  type Writer,
} from '@pare/wasm'

/** Rows, columns and products of a sum that the kernel takes at a time; all counts are multiples of it. */
export const TILE = 4

/**
 * (a, b, c, depth, rowPanels, columnPanels, stride): C −= A · B of packed f64 panels. A panel of A has, for each k, A[row, k] of four rows; one of B, for each
 * k, B[k, column] of four columns; panels follow one another. All are addresses or bytes but the numbers of panels. `depth` is the bytes of a panel: 32 × the
 * length of the sums, which is a multiple of four.
 */
export const KERNEL = 'subtractProduct'

export function productModule(kind: 'plain' | 'shared'): WebAssembly.Module {
  return new WebAssembly.Module(moduleOf([forEachTile()], kind))
}

/** For each panel of B, which then lies in the first-level cache, all panels of A. */
function forEachTile(): Definition {
  return define(KERNEL, PARAMETERS, (writer) => {
    const [a, b, c, depth, rowPanels, columnPanels, stride] = writer.parameters
    const [left, target, rows] = [writer.local('i32'), writer.local('i32'), writer.local('i32')]
    const start = [left.set(a.get), target.set(c.get), rows.set(rowPanels.get)]
    const nextRow = target.set(plus(target.get, i32.shl(stride.get, i32.const(2))))
    const allRows = repeat([tile(writer, { left, b, depth, target, stride }), nextRow], countDown(rows))
    return repeat([start, allRows, advance(b, depth.get), advance(c, 8 * TILE)], countDown(columnPanels))
  })
}

const PARAMETERS = ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'] as const

interface Tile {
  readonly left: Local
  readonly b: Local
  readonly depth: Local
  readonly target: Local
  readonly stride: Local
}

/** The 4 × 4 elements at `target` −= the sums over a panel of A and one of B. Leaves `left` at the next panel of A. */
function tile({ local, locals }: Writer, { left, b, depth, target, stride }: Tile): Code {
  const [right, row, end] = [local('i32'), local('i32'), local('i32')]
  const registers = { left, right, halves: locals('v128', 2), splat: local('v128'), sums: ROWS.map(() => locals('v128', 2)) }
  const steps = ROWS.map((k) => step(registers, 8 * TILE * k))
  const next = left.tee(plus(left.get, 8 * TILE * TILE))
  const write = registers.sums.map((sums) => [
    sums.map((sum, half) => v128.store(row.get, f64x2.sub(v128.load(row.get, 16 * half), sum.get), 16 * half)),
    advance(row, stride.get),
  ])
  return [
    registers.sums.flat().map((sum) => sum.set(f32x4.const(0))),
    [right.set(b.get), end.set(plus(left.get, depth.get))],
    repeat([steps, advance(right, 8 * TILE * TILE)], i32.lt(next, end.get)),
    [row.set(target.get), write],
  ]
}

const ROWS = [0, 1, 2, 3] as const

interface Registers {
  readonly left: Local
  readonly right: Local
  /** Of four elements of B the first two, and the last two. */
  readonly halves: readonly Local[]
  readonly splat: Local
  /** For each row, as the halves. */
  readonly sums: readonly (readonly Local[])[]
}

/** sum[r] += a[r] · b, of one k. */
function step({ left, right, halves, splat, sums }: Registers, offset: number): Code {
  const load = halves.map((half, i) => half.set(v128.load(right.get, offset + 16 * i)))
  const rows = sums.map((ofRow, r) => [
    splat.set(v128.load64Splat(left.get, offset + 8 * r)),
    ofRow.map((sum, i) => sum.set(f64x2.add(sum.get, f64x2.mul(splat.get, halves[i]!.get)))),
  ])
  return [load, rows]
}

export const advance = (local: Local, bytes: Code | number): Code => local.set(plus(local.get, bytes))
/** One less, and whether it is above 0 still. */
export const countDown = (local: Local): Code => local.tee(i32.sub(local.get, i32.const(1)))
