import { type Code, type Definition, define, f32x4, i32, type Local, moduleOf, plus, repeat, v128, type Writer } from '@pare/wasm'
import { advance, countDown } from './product-kernel.js'

/** Rows that the kernel takes at a time. Rows are counted in multiples of it. */
export const FLOAT_ROWS = 4
/** Columns of a panel. Columns, and the lengths of sums, are counted in multiples of it. */
export const FLOAT_COLUMNS = 8

/**
 * (a, b, c, stride, depth, rowTiles, columnPanels): C += A · B in f32. A and C lie row by row, `stride` bytes apart; B lies in panels, for each k eight
 * columns one after another. `depth` is the bytes of a row's part in A: 4 × the length of the sums. A must not overlap C.
 */
export const FLOAT_KERNEL = 'addProduct'

export function floatModule(kind: 'plain' | 'shared'): WebAssembly.Module {
  return new WebAssembly.Module(moduleOf([forEachTile()], kind))
}

/** For each panel of B, which then lies in a near cache, all rows of A. */
function forEachTile(): Definition {
  return define(FLOAT_KERNEL, PARAMETERS, (writer) => {
    const [a, b, c, stride, depth, rowTiles, columnPanels] = writer.parameters
    const [left, target, rows] = [writer.local('i32'), writer.local('i32'), writer.local('i32')]
    const start = [left.set(a.get), target.set(c.get), rows.set(rowTiles.get)]
    const next = [left, target].map((local) => advance(local, i32.shl(stride.get, i32.const(2))))
    const allRows = repeat([tile(writer, { left, b, depth, target, stride }), next], countDown(rows))
    const panel = i32.shl(depth.get, i32.const(3))
    return repeat([start, allRows, advance(b, panel), advance(c, 4 * FLOAT_COLUMNS)], countDown(columnPanels))
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

/** The 4 × 8 elements at `target` += the sums over four rows of A and a panel of B. */
function tile({ local, locals }: Writer, { left, b, depth, target, stride }: Tile): Code {
  const [right, row, end] = [local('i32'), local('i32'), local('i32')]
  const rows = locals('i32', FLOAT_ROWS)
  const halves = locals('v128', 2)
  const splat = local('v128')
  const sums = rows.map(() => locals('v128', 2))
  const first = [rows[0]!.set(left.get), ...rows.slice(1).map((each, r) => each.set(plus(rows[r]!.get, stride.get)))]
  const step = (k: number) => [
    halves.map((half, i) => half.set(v128.load(right.get, 32 * k + 16 * i))),
    rows.map((each, r) => [
      splat.set(v128.load32Splat(each.get, 4 * k)),
      sums[r]!.map((sum, i) => sum.set(f32x4.add(sum.get, f32x4.mul(splat.get, halves[i]!.get)))),
    ]),
  ]
  const onwards = rows.slice(1).map((each) => advance(each, 4 * UNROLLED))
  const write = sums.map((ofRow) => [
    ofRow.map((sum, i) => v128.store(row.get, f32x4.add(v128.load(row.get, 16 * i), sum.get), 16 * i)),
    advance(row, stride.get),
  ])
  return [
    sums.flat().map((sum) => sum.set(f32x4.const(0))),
    [first, right.set(b.get), end.set(plus(left.get, depth.get))],
    repeat(
      [Array.from({ length: UNROLLED }, (_, k) => step(k)), onwards, advance(right, 32 * UNROLLED)],
      i32.lt(rows[0]!.tee(plus(rows[0]!.get, 4 * UNROLLED)), end.get),
    ),
    [row.set(target.get), write],
  ]
}

/** Terms of the sums in one turn of the loop. */
const UNROLLED = 8
/** One less, and whether it is above 0 still. */
