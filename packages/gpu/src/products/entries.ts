import type { PackedGroups, PackedRows, PackedTiles, SparseMatrix, StoredValues } from '@pare/sparse'
import type { BitmapMatrix } from './bitmap.js'

/** A weight W[out, in], any zeros or none. */
export interface DenseMatrix {
  readonly kind: 'dense'
  readonly out: number
  readonly in: number
  /** [out, in] */
  readonly values: StoredValues
  /** f32[out]: what the codes of each output are multiplied with, where values are codes. */
  readonly scales?: Float32Array
}

export type DeviceMatrix = DenseMatrix | SparseMatrix | BitmapMatrix

/** How a kernel finds the entries of a row. */
export interface Entries {
  /** What is read, from binding 3 on. */
  readonly data: readonly (Uint32Array | StoredValues)[]
  /** WGSL: the bindings, and functions that read them. */
  readonly declarations: string
  /** WGSL: `body` for each entry of the row named `row`, but only every `step`-th, from the `first`-th on. Both are WGSL. */
  loop(range: { readonly first: string; readonly step: string }, body: Body): string
  /** The columns that entries may name: x is 0 in those past `in`. */
  readonly columns: number
}

/** WGSL of what is done with an entry, given those of its column and value. */
type Body = (column: string, value: string) => string

export function entriesOf(matrix: DeviceMatrix): Entries {
  switch (matrix.kind) {
    case 'dense':
      return entriesOfDense(matrix)
    case 'rows':
      return entriesOfRows(matrix)
    case 'tiles':
      return entriesOfTiles(matrix)
    case 'groups':
      return entriesOfGroups(matrix)
    case 'bitmap':
      return entriesOfBitmap(matrix)
    default:
      return matrix satisfies never
  }
}

function entriesOfDense({ in: columns, values }: DenseMatrix): Entries {
  const quads = columns % 4 === 0
  const width = quads ? 4 : 1
  return {
    data: [values],
    declarations: valuesAt(3, values, quads),
    loop: ({ first, step }, body) => `
for (var column = ${width}u * (${first}); column < ${columns}u; column += ${width}u * (${step})) {
  ${stretch({ quads, width, entry: `row * ${columns}u + column`, column: 'column' }, body)}
}`,
    columns,
  }
}

function entriesOfRows({ in: inputs, starts, columns, values }: PackedRows): Entries {
  return {
    data: [starts, columns, values],
    declarations: `${declare(3, 'starts')}\n${columnsAt(4, columns)}\n${valuesAt(5, values, false)}`,
    loop: ({ first, step }, body) => `
let end = starts[row + 1u];
for (var entry = starts[row] + ${first}; entry < end; entry += ${step}) {
  let column = columnAt(entry);
  ${body('column', 'valueAt(entry)')}
}`,
    columns: inputs,
  }
}

function entriesOfTiles({ in: inputs, tileRows, tileColumns, starts, columns, values }: PackedTiles): Entries {
  const quads = tileColumns % 4 === 0
  return {
    data: [starts, columns, values],
    declarations: `${declare(3, 'starts')}\n${columnsAt(4, columns)}\n${valuesAt(5, values, quads)}`,
    loop: ({ first, step }, body) => `
let band = row / ${tileRows}u;
let end = starts[band + 1u];
for (var t = starts[band] + ${first}; t < end; t += ${step}) {
  let column = columnAt(t) * ${tileColumns}u;
  let entry = (t * ${tileRows}u + row % ${tileRows}u) * ${tileColumns}u;
  ${stretch({ quads, width: tileColumns, entry: 'entry', column: 'column' }, body)}
}`,
    columns: Math.ceil(inputs / tileColumns) * tileColumns,
  }
}

function entriesOfGroups({ in: inputs, keep, of, positions, values }: PackedGroups): Entries {
  const groups = Math.ceil(inputs / of)
  return {
    data: [positions, values],
    declarations: `${declare(3, 'positions')}\n${valuesAt(4, values, false)}`,
    loop: ({ first, step }, body) => `
for (var i = ${first}; i < ${groups * keep}u; i += ${step}) {
  let entry = row * ${groups * keep}u + i;
  let column = (i / ${keep}u) * ${of}u + ((positions[entry / 8u] >> (4u * (entry % 8u))) & 15u);
  ${body('column', 'valueAt(entry)')}
}`,
    columns: groups * of,
  }
}

function entriesOfBitmap({ in: inputs, words, values }: BitmapMatrix): Entries {
  const perRow = Math.ceil(inputs / 32)
  return {
    data: [words, values],
    declarations: `${declare(3, 'words', 'vec2u')}\n${valuesAt(4, values, false)}`,
    // Threads that share a row have neighbouring columns, so that they read x and the values of a word together; one that has all of a row goes from bit to bit.
    loop: ({ first, step }, body) =>
      step === '1u'
        ? `
for (var w = 0u; w < ${perRow}u; w++) {
  let word = words[row * ${perRow}u + w];
  var bits = word.x;
  for (var entry = word.y; bits != 0u; entry++) {
    let column = 32u * w + countTrailingZeros(bits);
    bits &= bits - 1u;
    ${body('column', 'valueAt(entry)')}
  }
}`
        : `
for (var column = ${first}; column < ${inputs}u; column += ${step}) {
  let word = words[row * ${perRow}u + column / 32u];
  let bit = 1u << (column % 32u);
  if ((word.x & bit) != 0u) {
    ${body('column', 'valueAt(word.y + countOneBits(word.x & (bit - 1u)))')}
  }
}`,
    columns: inputs,
  }
}

interface Stretch {
  readonly quads: boolean
  readonly width: number
  /** WGSL of the first entry and its column. */
  readonly entry: string
  readonly column: string
}

/** Entries that follow one another in as many columns. */
function stretch({ quads, width, entry, column }: Stretch, body: Body): string {
  const each = Array.from({ length: width }, (_, j) => j)
  if (!quads) return each.map((j) => body(`${column} + ${j}u`, `valueAt(${entry} + ${j}u)`)).join('\n  ')
  const read = each.filter((j) => j % 4 === 0).map((j) => `let quad${j} = quadAt(${entry} + ${j}u);`)
  return [...read, ...each.map((j) => body(`${column} + ${j}u`, `quad${j - (j % 4)}[${j % 4}]`))].join('\n  ')
}

const declare = (binding: number, name: string, type = 'u32') =>
  `@group(0) @binding(${binding}) var<storage, read> ${name}: array<${type}>;`

/** WGSL: `columnAt(i)`. */
function columnsAt(binding: number, columns: Uint16Array | Uint32Array): string {
  const at = columns instanceof Uint32Array ? 'columns[i]' : '(columns[i / 2u] >> (16u * (i % 2u))) & 0xffffu'
  return `${declare(binding, 'columns')}\nfn columnAt(i: u32) -> u32 { return ${at}; }`
}

/** WGSL: `valueAt(i)`, or `quadAt(i)` of four values from a multiple of four on. Halves are widened by a function that every device has. */
export function valuesAt(binding: number, values: StoredValues, quads: boolean): string {
  if (values instanceof Int8Array)
    return `${declare(binding, 'values')}
fn codeAt(i: u32) -> f32 { return f32(bitcast<i32>(values[i / 4u] << (24u - 8u * (i % 4u))) >> 24u); }
${quads ? 'fn quadAt(i: u32) -> vec4f { return vec4f(codeAt(i), codeAt(i + 1u), codeAt(i + 2u), codeAt(i + 3u)); }' : 'fn valueAt(i: u32) -> f32 { return codeAt(i); }'}`
  const halves = values instanceof Uint16Array
  if (quads && halves)
    return `${declare(binding, 'values', 'vec2u')}
fn quadAt(i: u32) -> vec4f {
  let words = values[i / 4u];
  return vec4f(unpack2x16float(words.x), unpack2x16float(words.y));
}`
  if (quads) return `${declare(binding, 'values', 'vec4f')}\nfn quadAt(i: u32) -> vec4f { return values[i / 4u]; }`
  if (halves)
    return `${declare(binding, 'values')}\nfn valueAt(i: u32) -> f32 { return unpack2x16float(values[i / 2u])[i % 2u]; }`
  return `${declare(binding, 'values', 'f32')}\nfn valueAt(i: u32) -> f32 { return values[i]; }`
}
