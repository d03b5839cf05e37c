import type { FloatValues, PackedGroups, PackedRows, PackedTiles } from '@pare/sparse'
import type { DenseMatrix } from './entries.js'

/** Multiples of 1/8 from −4 to 4: exact in halves, and their products and small sums exact in f32. */
export function randomDense(out: number, inputs: number, density: number): Float32Array {
  let state = out * 31 + inputs
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return Float32Array.from({ length: out * inputs }, () => (next() < density ? Math.round(next() * 64 - 32) / 8 : 0))
}

/** y[m, out] = x[m, in] · Wᵀ, one sum after another. */
export function multiplied(x: Float32Array, weight: Float32Array, sizes: { m: number; out: number; in: number }): Float32Array {
  const { m, out, in: inputs } = sizes
  return Float32Array.from({ length: m * out }, (_, i) => {
    let sum = 0
    for (let k = 0; k < inputs; k++) {
      const w = weight[(i % out) * inputs + k]!
      if (w !== 0) sum += w * x[Math.floor(i / out) * inputs + k]!
    }
    return sum
  })
}

interface Shape {
  readonly out: number
  readonly in: number
  readonly halves?: boolean
}

export function dense(weight: Float32Array, { halves = false, ...shape }: Shape): DenseMatrix {
  return { kind: 'dense', ...shape, values: stored(weight, halves) }
}

export function rows(weight: Float32Array, { halves = false, ...shape }: Shape): PackedRows<FloatValues> {
  const starts = [0]
  const columns: number[] = []
  const values: number[] = []
  for (let row = 0; row < shape.out; row++) {
    for (let k = 0; k < shape.in; k++) {
      const value = weight[row * shape.in + k]!
      if (value === 0) continue
      columns.push(k)
      values.push(value)
    }
    starts.push(columns.length)
  }
  return {
    kind: 'rows',
    ...shape,
    starts: Uint32Array.from(starts),
    columns: indices(columns, shape.in),
    values: stored(values, halves),
  }
}

export function tiles(
  weight: Float32Array,
  { halves = false, ...shape }: Shape,
  size: readonly [number, number],
): PackedTiles<FloatValues> {
  const [tileRows, tileColumns] = size
  const starts = [0]
  const columns: number[] = []
  const values: number[] = []
  for (let row = 0; row < shape.out; row += tileRows) {
    for (let column = 0; column < shape.in; column += tileColumns) {
      const tile = Array.from({ length: tileRows * tileColumns }, (_, i) => {
        const [r, k] = [row + Math.floor(i / tileColumns), column + (i % tileColumns)]
        return r < shape.out && k < shape.in ? weight[r * shape.in + k]! : 0
      })
      if (tile.every((value) => value === 0)) continue
      columns.push(column / tileColumns)
      values.push(...tile)
    }
    starts.push(columns.length)
  }
  const packed = { starts: Uint32Array.from(starts), columns: indices(columns, shape.in), values: stored(values, halves) }
  return { kind: 'tiles', ...shape, tileRows, tileColumns, ...packed }
}

/** Keeps the first `keep` non-zeros of each `of` columns, and zeroes the others in `weight`. */
export function groups(
  weight: Float32Array,
  { halves = false, ...shape }: Shape,
  { keep, of }: { keep: number; of: number },
): PackedGroups {
  const perRow = Math.ceil(shape.in / of) * keep
  const positions = new Uint32Array(Math.ceil((shape.out * perRow) / 8))
  const values: number[] = []
  for (let row = 0; row < shape.out; row++) {
    for (let column = 0; column < shape.in; column += of) {
      const at = (p: number) => (column + p < shape.in ? weight[row * shape.in + column + p]! : 0)
      const all = Array.from({ length: of }, (_, p) => p)
      const full = all.filter((p) => at(p) !== 0)
      const kept = [...full, ...all.filter((p) => at(p) === 0)].slice(0, keep).sort((a, b) => a - b)
      for (const p of full) if (!kept.includes(p)) weight[row * shape.in + column + p] = 0
      for (const p of kept) {
        positions[values.length >> 3]! |= p << (4 * (values.length & 7))
        values.push(at(p))
      }
    }
  }
  return { kind: 'groups', ...shape, keep, of, positions, values: stored(values, halves) }
}

const indices = (list: readonly number[], inputs: number) => (inputs <= 65536 ? Uint16Array.from(list) : Uint32Array.from(list))

function stored(values: ArrayLike<number>, halves: boolean): FloatValues {
  return halves ? Uint16Array.from(values, halfBits) : Float32Array.from(values)
}

/** Of numbers that halves hold exactly and that are not subnormal. */
function halfBits(value: number): number {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 0x7e00 : value > 0 ? 0x7c00 : 0xfc00
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!
  if (value === 0) return bits >>> 16
  return ((bits >>> 16) & 0x8000) | ((((bits >>> 23) & 255) - 112) << 10) | ((bits >>> 13) & 0x3ff)
}
