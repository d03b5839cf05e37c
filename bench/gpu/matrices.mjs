// Weights [size, size] as a device may hold them, and their products by hand.
import { SIZE } from './settings.mjs'

export function randomMatrix() {
  const weight = new Float32Array(SIZE * SIZE)
  let state = 1
  for (let i = 0; i < weight.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    weight[i] = (state / 2 ** 32 - 0.5) / Math.sqrt(SIZE)
  }
  return weight
}

/** Which elements stay is drawn by position, not by size: the patterns are as irregular as unstructured pruning makes them. */
function stays(index, zeros) {
  let x = Math.imul(index, 0x9e3779b1)
  x = Math.imul(x ^ (x >>> 15), 0x85ebca6b)
  return ((x ^ (x >>> 13)) >>> 0) / 2 ** 32 >= zeros
}

export function packRows(weight, zeros) {
  const starts = new Uint32Array(SIZE + 1)
  const columns = []
  const entries = []
  for (let row = 0; row < SIZE; row++) {
    for (let k = 0; k < SIZE; k++) {
      if (!stays(row * SIZE + k, zeros)) continue
      columns.push(k)
      entries.push(weight[row * SIZE + k])
    }
    starts[row + 1] = columns.length
  }
  return { kind: 'rows', out: SIZE, in: SIZE, starts, columns: Uint16Array.from(columns), values: Float32Array.from(entries) }
}

export function packTiles(weight, zeros) {
  const starts = new Uint32Array(SIZE + 1)
  const columns = []
  const entries = []
  for (let row = 0; row < SIZE; row++) {
    for (let k = 0; k < SIZE; k += 4) {
      if (!stays(row * SIZE + k, zeros)) continue
      columns.push(k / 4)
      for (let j = 0; j < 4; j++) entries.push(weight[row * SIZE + k + j])
    }
    starts[row + 1] = columns.length
  }
  const values = Float32Array.from(entries)
  return { kind: 'tiles', out: SIZE, in: SIZE, tileRows: 1, tileColumns: 4, starts, columns: Uint16Array.from(columns), values }
}

export function packGroups(weight) {
  const positions = new Uint32Array((SIZE * SIZE) / 16)
  const entries = new Float32Array((SIZE * SIZE) / 2)
  for (let group = 0; group < (SIZE * SIZE) / 4; group++) {
    const [a, b] = [
      [0, 1],
      [0, 2],
      [1, 3],
      [2, 3],
    ][group & 3]
    entries.set([weight[4 * group + a], weight[4 * group + b]], 2 * group)
    positions[group >> 2] |= (a | (b << 4)) << (8 * (group & 3))
  }
  return { kind: 'groups', out: SIZE, in: SIZE, keep: 2, of: 4, positions, values: entries }
}

export function halvesOf(values) {
  const bits = new Uint32Array(values.buffer)
  return Uint16Array.from(bits, (word) => {
    const exponent = ((word >>> 23) & 255) - 112
    return exponent <= 0 ? 0 : ((word >>> 16) & 0x8000) | (exponent << 10) | ((word >>> 13) & 0x3ff)
  })
}

export function largestError(matrix, x, y) {
  let largest = 0
  for (let i = 0; i < 40; i++) {
    const at = (i * 7919) % y.length
    const [m, row] = [Math.floor(at / SIZE), at % SIZE]
    let sum = 0
    for (const [column, value] of entriesOf(matrix, row)) sum += value * x[m * SIZE + column]
    largest = Math.max(largest, Math.abs(sum - y[at]))
  }
  return Number(largest.toExponential(2))
}

function* entriesOf(matrix, row) {
  const { kind, values, starts, columns, positions } = matrix
  const width = { dense: 1, rows: 1, tiles: 4, groups: 1 }[kind]
  const [from, to] = starts ? [starts[row], starts[row + 1]] : [(row * values.length) / SIZE, ((row + 1) * values.length) / SIZE]
  for (let e = from; e < to; e++) {
    for (let j = 0; j < width; j++) {
      const first =
        kind === 'dense'
          ? e - from
          : kind === 'groups'
            ? 4 * ((e - from) >> 1) + ((positions[e >> 3] >>> (4 * (e & 7))) & 15)
            : columns[e] * width
      yield [first + j, widened(values, e * width + j)]
    }
  }
}

function widened(values, i) {
  if (values instanceof Float32Array) return values[i]
  const [sign, exponent, fraction] = [values[i] >> 15, (values[i] >> 10) & 31, values[i] & 1023]
  return (sign ? -1 : 1) * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15))
}
