import { moduleOf } from '@pare/wasm'
import { type Code, f32x4, f64x2, get, i32, loop, set, tee } from '../backend/wasm-module.js'

/** Rows, columns and products of a sum that the kernel takes at a time; all counts are multiples of it. */
export const TILE = 4

/**
 * C −= A · B of packed f64 panels. A panel of A has, for each k, A[row, k] of four rows; one of B, for each k, B[k, column] of four columns; panels follow
 * one another. All are addresses or bytes but the numbers of panels. `depth` is the bytes of a panel: 32 × the length of the sums, which is a multiple of four.
 */
export type ProductKernel = (
  a: number,
  b: number,
  c: number,
  depth: number,
  rowPanels: number,
  columnPanels: number,
  stride: number,
) => void

export function productModule(kind: 'plain' | 'shared'): WebAssembly.Module {
  const parameters = ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'] as const
  const locals = [...Array(6).fill('i32'), ...Array(11).fill('v128')] as ('i32' | 'v128')[]
  return new WebAssembly.Module(moduleOf([{ name: 'subtractProduct', parameters, locals, body: forEachTile() }], kind))
}

const [A, B, C, DEPTH, ROW_PANELS, COLUMN_PANELS, STRIDE] = [0, 1, 2, 3, 4, 5, 6] as const
const [LEFT, RIGHT, ROW, END, TARGET, ROWS] = [7, 8, 9, 10, 11, 12] as const
const [B0, B1, SPLAT] = [13, 14, 15] as const
/** Sums of row r: two columns each. */
const sum = (r: number, half: number) => 16 + 2 * r + half
const LANES = [0, 1, 2, 3] as const
const advance = (local: number, bytes: Code): Code => [...get(local), ...bytes, ...i32.add, ...set(local)]
const countDown = (local: number): Code => [...get(local), ...i32.const(1), ...i32.sub, ...tee(local)]

/** For each panel of B, which then lies in the first-level cache, all panels of A. */
function forEachTile(): Code {
  const nextRow = [...get(TARGET), ...get(STRIDE), ...i32.const(2), ...i32.shl, ...i32.add, ...set(TARGET)]
  const rows = loop([...tile(), ...nextRow, ...countDown(ROWS)])
  const start = [...get(A), ...set(LEFT), ...get(C), ...set(TARGET), ...get(ROW_PANELS), ...set(ROWS)]
  const nextColumn = [...advance(B, get(DEPTH)), ...advance(C, i32.const(8 * TILE))]
  return loop([...start, ...rows, ...nextColumn, ...countDown(COLUMN_PANELS)])
}

/** The 4 × 4 elements at `target` −= the sums over a panel of A and one of B. Leaves `left` at the next panel of A. */
function tile(): Code {
  const clear = LANES.flatMap((r) => [0, 1].flatMap((half) => [...f32x4.const(0), ...set(sum(r, half))]))
  const end = [...get(B), ...set(RIGHT), ...get(LEFT), ...get(DEPTH), ...i32.add, ...set(END)]
  const steps = LANES.flatMap((k) => step(8 * TILE * k))
  const next = [...advance(RIGHT, i32.const(128)), ...get(LEFT), ...i32.const(128), ...i32.add, ...tee(LEFT)]
  const write = LANES.flatMap((r) => [
    ...[0, 1].flatMap((half) => [
      ...get(ROW),
      ...get(ROW),
      ...f32x4.load(16 * half),
      ...get(sum(r, half)),
      ...f64x2.subtract,
      ...f32x4.store(16 * half),
    ]),
    ...advance(ROW, get(STRIDE)),
  ])
  return [...clear, ...end, ...loop([...steps, ...next, ...get(END), ...i32.lessUnsigned]), ...get(TARGET), ...set(ROW), ...write]
}

/** sum[r] += a[r] · b, of one k. */
function step(offset: number): Code {
  const row = (r: number): Code => [
    ...get(LEFT),
    ...f64x2.loadSplat(offset + 8 * r),
    ...set(SPLAT),
    ...[0, 1].flatMap((half) => [
      ...get(sum(r, half)),
      ...get(SPLAT),
      ...get(half === 0 ? B0 : B1),
      ...f64x2.multiply,
      ...f64x2.add,
      ...set(sum(r, half)),
    ]),
  ]
  const right = [...get(RIGHT), ...f32x4.load(offset), ...set(B0), ...get(RIGHT), ...f32x4.load(offset + 16), ...set(B1)]
  return [...right, ...LANES.flatMap(row)]
}
