import { asRead, dispatch } from './compute.js'
import { type LazyArray, sizeOf } from './element.js'
import { coordinates, KernelText, mergedAxes } from './kernel-text.js'
import type { Recording } from './recording.js'
import { arrayOf, broadcast, commonDims } from './views.js'

/** What a group of threads computes at a time: so many rows and columns of the result, and steps of the sums that pass through shared memory. */
interface MatMulTile {
  readonly rows: number
  readonly columns: number
  readonly depth: number
}

const SQUARE: MatMulTile = { rows: 16, columns: 16, depth: 16 }
/** For few rows, as the one of a decoder that takes a token. */
const FLAT: MatMulTile = { rows: 2, columns: 64, depth: 32 }

/** f32[..., M, N] = a[..., M, K] · b[..., K, N] of values, as numpy multiplies and broadcasts them. Transposed operands are read where they lie. */
export function matmul(recording: Recording, a: LazyArray, b: LazyArray): LazyArray {
  const [left, right] = [asMatrices(asRead(recording, a), 0), asMatrices(asRead(recording, b), 1)]
  const [m, k, n] = [left.dims.at(-2)!, left.dims.at(-1)!, right.dims.at(-1)!]
  if (right.dims.at(-2) !== k) throw new RangeError(`[${a.dims}] and [${b.dims}] cannot be multiplied`)
  const batch = commonDims([left.dims.slice(0, -2), right.dims.slice(0, -2)])
  const [one, other] = [broadcast(left, [...batch, m, k]), broadcast(right, [...batch, k, n])]
  const result = [...batch, ...(a.dims.length === 1 ? [] : [m]), ...(b.dims.length === 1 ? [] : [n])]
  const store = recording.take(sizeOf(result))
  const count = sizeOf(batch)
  if (count * m * n > 0) {
    const tile = m <= FLAT.rows ? FLAT : SQUARE
    const kernel = new KernelText()
    const text = textOf(kernel, { tile, batch, sizes: { m, k, n }, operands: [one, other] as never })
    dispatch(recording, kernel, { text, groups: [Math.ceil(n / tile.columns), Math.ceil(m / tile.rows), count], result: store })
  }
  return arrayOf('f32', result, store)
}

/** A vector as a matrix of one row, on the left, or of one column. */
function asMatrices<A extends LazyArray>(array: A, side: 0 | 1): A {
  if (array.dims.length > 1) return array
  const dims = side === 0 ? [1, ...array.dims] : [...array.dims, 1]
  const { element } = array as { element: { strides: readonly number[] } }
  const strides = side === 0 ? [0, ...element.strides] : [...element.strides, 0]
  return { ...array, dims, element: { ...element, strides } }
}

type ReadArray = ReturnType<typeof asRead>

interface Parts {
  readonly tile: MatMulTile
  readonly batch: readonly number[]
  readonly sizes: { readonly m: number; readonly k: number; readonly n: number }
  readonly operands: readonly [ReadArray, ReadArray]
}

function textOf(kernel: KernelText, { tile: { rows, columns, depth }, batch, sizes, operands }: Parts): string {
  const outer = operands.map(({ element }) => ({ ...element, strides: element.strides.slice(0, -2) }))
  const merged = mergedAxes(batch, outer)
  const at = coordinates(kernel, merged.dims, { name: 'b', index: 'group.z' })
  const [m, k, n] = [sizes.m, sizes.k, sizes.n].map((size) => kernel.word(size))
  const threads = rows * columns
  const read = (side: 0 | 1, first: string, second: string) => {
    const { element } = operands[side]
    const inner = element.strides.slice(-2)
    const view = merged.change(outer[side]!) as typeof element
    return kernel.of({ ...view, strides: [...view.strides, ...inner] }, [...at.names, first, second])
  }
  const [ofA, ofB] = [read(0, 'am', 'ak'), read(1, 'bk', 'bn')]
  const fill = (into: string, area: number, body: string) =>
    `for (var e = i32(thread); e < ${area}; e += ${threads}) { ${body.replaceAll('INTO', into)} }`
  return kernel.text(
    {
      result: 'f32',
      threads,
      before: `var<workgroup> tileA: array<f32, ${rows * depth}>;\nvar<workgroup> tileB: array<f32, ${depth * columns}>;`,
    },
    `${at.code}
  let row = i32(group.y) * ${rows} + i32(thread) / ${columns};
  let column = i32(group.x) * ${columns} + i32(thread) % ${columns};
  var sum = 0.0;
  for (var first = 0; first < ${k}; first += ${depth}) {
    ${fill('tileA', rows * depth, `let am = i32(group.y) * ${rows} + e / ${depth}; let ak = first + e % ${depth}; var value = 0.0; if (am < ${m} && ak < ${k}) { value = ${ofA}; } INTO[e] = value;`)}
    ${fill('tileB', depth * columns, `let bk = first + e / ${columns}; let bn = i32(group.x) * ${columns} + e % ${columns}; var value = 0.0; if (bk < ${k} && bn < ${n}) { value = ${ofB}; } INTO[e] = value;`)}
    workgroupBarrier();
    for (var d = 0; d < ${depth}; d++) { sum += tileA[(i32(thread) / ${columns}) * ${depth} + d] * tileB[d * ${columns} + i32(thread) % ${columns}]; }
    workgroupBarrier();
  }
  if (row < ${m} && column < ${n}) { result[(i32(group.z) * ${m} + row) * ${n} + column] = sum; }`,
  )
}
