import type { Activation } from '@pare/sparse/graph'
import { functionsFor } from '../arrays/functions.js'
import { type DenseMatrix, type Entries, valuesAt } from './entries.js'

// y[M, out] = x[M, in] · Wᵀ. Where M is more than 1, sparse kernels read x transposed, with four rows side by side: quads[columns, ⌈M ÷ 4⌉].

const PRODUCT = `
struct Product {
  // Rows of x, and how many fours of them.
  m: u32,
  fours: u32,
  // Outputs of all bands, the first of this band, and how many it has.
  out: u32,
  first: u32,
  rows: u32,
}
@group(0) @binding(0) var<uniform> product: Product;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
`

const SINGLE = '@group(0) @binding(1) var<storage, read> x: array<f32>;'
const FOURS = '@group(0) @binding(1) var<storage, read> x: array<vec4f>;'

const WRITE_FOUR = (four: string, sum: string) => `
for (var j = 0u; j < 4u; j++) {
  let m = 4u * ${four} + j;
  if (m < product.m) { y[m * product.out + product.first + row] = finish(${sum}[j], row); }
}`

/** What is done with each sum: it is multiplied with the scale of its output, its bias is added, and a function is applied. */
export interface SumFinish {
  readonly scales: boolean
  readonly bias: boolean
  readonly activation?: Activation
}

/** WGSL of `finish(sum, row)`, with its bindings from `binding` on. */
function finishText({ scales, bias, activation }: SumFinish, binding: number): string {
  const names = [...(scales ? ['scales'] : []), ...(bias ? ['bias'] : [])]
  const declared = names.map((name, i) => `@group(0) @binding(${binding + i}) var<storage, read> ${name}: array<f32>;`)
  const value = `sum${scales ? ' * scales[row]' : ''}${bias ? ' + bias[row]' : ''}`
  const result = activation === undefined ? 'x' : ACTIVATIONS[activation]
  return `${declared.join('\n')}
${functionsFor(result)}
fn finish(sum: f32, row: u32) -> f32 { let x = ${value}; return ${result}; }`
}

const ACTIVATIONS: Readonly<Record<Activation, string>> = {
  relu: 'max(x, 0.0)',
  sigmoid: 'sigmoidOf(x)',
  tanh: 'tanhOf(x)',
  silu: 'x * sigmoidOf(x)',
  gelu: 'gelu(x)',
  'gelu-tanh': 'geluTanh(x)',
  'quick-gelu': 'x * sigmoidOf(1.702 * x)',
}

/** Threads of a workgroup, where nothing was measured. */
export const THREADS = 128

/** Threads that work on one row of W, where they share its entries. */
export const lanesOf = (subgroup: number | undefined) => (subgroup !== undefined && subgroup <= 64 ? subgroup : 32)

export interface FewRows {
  /** Columns of x, of which a tile at the edge may name more. */
  readonly inputs: number
  /** Whether x has one row, which is read where it lies. */
  readonly single: boolean
  readonly subgroup: number | undefined
  /** Of a workgroup. */
  readonly threads: number
  readonly finish: SumFinish
}

/** Few rows of x: the threads of a row of W share its entries. One subgroup has a row where all have the same size, else shared memory does. */
export function fewShader(entries: Entries, { inputs, single, subgroup, threads, finish }: FewRows): string {
  const lanes = lanesOf(subgroup)
  const type = single ? 'f32' : 'vec4f'
  const alone = (column: string) =>
    entries.columns > inputs ? `select(0.0, x[${column}], ${column} < ${inputs}u)` : `x[${column}]`
  const at = (column: string) => (single ? alone(column) : `x[(${column}) * product.fours + group.y]`)
  const together = subgroup === lanes
  return `${together ? 'enable subgroups;' : ''}
${PRODUCT}
${single ? SINGLE : FOURS}
${entries.declarations}
${finishText(finish, 3 + entries.data.length)}
${together ? '' : `var<workgroup> sums: array<${type}, ${threads}>;`}
@compute @workgroup_size(${threads})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = (group.x + group.z * groups.x) * ${threads / lanes}u + thread / ${lanes}u;
  let lane = thread % ${lanes}u;
  var sum = ${type}();
  if (row < product.rows) {
    ${entries.loop({ first: 'lane', step: `${lanes}u` }, (column, value) => `sum += ${value} * ${at(column)};`)}
  }
  ${together ? 'sum = subgroupAdd(sum);' : shared(lanes)}
  if (lane == 0u && row < product.rows) {
    ${single ? 'y[product.first + row] = finish(sum, row);' : WRITE_FOUR('group.y', 'sum')}
  }
}`
}

const shared = (lanes: number) => `sums[thread] = sum;
  workgroupBarrier();
  for (var step = ${lanes / 2}u; step > 0u; step /= 2u) {
    if (lane < step) { sums[thread] += sums[thread + step]; }
    workgroupBarrier();
  }
  sum = sums[thread];`

/** Many rows of x: a thread has four of them, and its neighbours the next four, so that they read x together. `across`: threads side by side. */
export function manyShader(entries: Entries, { across, finish }: { across: number; finish: SumFinish }): string {
  return `${PRODUCT}
${FOURS}
${entries.declarations}
${finishText(finish, 3 + entries.data.length)}
@compute @workgroup_size(${THREADS})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = (group.x + group.z * groups.x) * ${THREADS / across}u + thread / ${across}u;
  let four = group.y * ${across}u + thread % ${across}u;
  if (row >= product.rows || four >= product.fours) { return; }
  var sum = vec4f();
  ${entries.loop({ first: '0u', step: '1u' }, (column, value) => `sum += ${value} * x[(${column}) * product.fours + four];`)}
  ${WRITE_FOUR('four', 'sum')}
}`
}

/** x[M, in] as quads[columns, ⌈M ÷ 4⌉], 0 past M and past `in`. Tiles of 32 × 32 pass through shared memory, so that reads and writes are both of neighbours. */
export const transposeShader = (inputs: number, columns: number) => `
${PRODUCT.replace('y: array<f32>', 'y: array<vec4f>')}
${SINGLE}
var<workgroup> block: array<f32, ${32 * 33}>;
@compute @workgroup_size(32, 8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) thread: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let firstColumn = group.x * 32u;
  for (var j = thread.y; j < 32u; j += 8u) {
    let m = group.y * 32u + j;
    let column = firstColumn + thread.x;
    var value = 0.0;
    if (m < product.m && column < ${inputs}u) { value = x[m * ${inputs}u + column]; }
    block[j * 33u + thread.x] = value;
  }
  workgroupBarrier();
  let four = group.y * 8u + index % 8u;
  let column = firstColumn + index / 8u;
  if (four < product.fours && column < ${columns}u) {
    let at = 4u * (index % 8u) * 33u + index / 8u;
    y[column * product.fours + four] = vec4f(block[at], block[at + 33u], block[at + 66u], block[at + 99u]);
  }
}`

/** How a dense product is cut: tiles of y of `size` × `size`, of which a thread has `each` × `each`, and how many columns of x and W they take at a time. */
export interface DenseTiles {
  readonly size: number
  readonly each: 4 | 8
  readonly depth: number
}

// 256 threads and 16 KiB of shared memory each, which every device has; and then each thread fetches one block of 4 × 4.
export const LARGE_TILES: DenseTiles = { size: 128, each: 8, depth: 16 }
export const SMALL_TILES: DenseTiles = { size: 64, each: 4, depth: 32 }

/** Dense, many rows of x: tiles of x and W pass through shared memory, sums stay in registers. */
export function denseShader(
  { in: inputs, values }: Pick<DenseMatrix, 'in' | 'values'>,
  { tiles, finish }: { tiles: DenseTiles; finish: SumFinish },
): string {
  const { size, each, depth } = tiles
  const side = size / each
  const quads = inputs % 4 === 0
  const fours = range(each / 4)
  const at = (of: string, four: number) => `${of}[k * ${size / 4}u + at${of === 'left' ? 'M' : 'N'} + ${four * side}u]`
  // A thread has one four of rows and columns in each quarter of the tile, so that neighbours read what lies side by side.
  const sums = fours.flatMap((f) => range(4).flatMap((i) => fours.map((g) => ({ name: `sum${f}${i}${g}`, f, i, g }))))
  return `${PRODUCT}
${quads ? FOURS : SINGLE}
${valuesAt(3, values, quads)}
${finishText(finish, 4)}
fn fourOfX(m: u32, k: u32) -> vec4f {
  if (m >= product.m) { return vec4f(); }
  ${readFour(quads, inputs, quads ? `x[(m * ${inputs}u + k) / 4u]` : `x[m * ${inputs}u + k + j]`)}
}
fn fourOfW(n: u32, k: u32) -> vec4f {
  if (n >= product.rows) { return vec4f(); }
  ${readFour(quads, inputs, quads ? `quadAt(n * ${inputs}u + k)` : `valueAt(n * ${inputs}u + k + j)`)}
}
fn write(m: u32, n: u32, sums: vec4f) {
  if (m >= product.m) { return; }
  for (var j = 0u; j < 4u; j++) {
    if (n + j < product.rows) { y[m * product.out + product.first + n + j] = finish(sums[j], n + j); }
  }
}
// quads[depth, size ÷ 4]: a column of the tile of x, and of W, is side by side.
var<workgroup> left: array<vec4f, ${(depth * size) / 4}>;
var<workgroup> right: array<vec4f, ${(depth * size) / 4}>;
@compute @workgroup_size(${side * side})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let atM = thread / ${side}u;
  let atN = thread % ${side}u;
  let firstM = group.y * ${size}u;
  let firstN = (group.x + group.z * ${WIDE}u) * ${size}u;
  let block = thread % ${(size * depth) / 16}u;
  let line = 4u * (block / ${depth / 4}u);
  let column = 4u * (block % ${depth / 4}u);
  ${sums.map(({ name }) => `var ${name} = vec4f();`).join('\n  ')}
  for (var first = 0u; first < ${inputs}u; first += ${depth}u) {
    if (thread < ${(size * depth) / 16}u) {
      ${fetchBlock('left', 'fourOfX', 'firstM', size)}
    } else {
      ${fetchBlock('right', 'fourOfW', 'firstN', size)}
    }
    workgroupBarrier();
    for (var k = 0u; k < ${depth}u; k++) {
      ${fours.map((f) => `let m${f} = ${at('left', f)};\n      let n${f} = ${at('right', f)};`).join('\n      ')}
      ${sums.map(({ name, f, i, g }) => `${name} += m${f}[${i}] * n${g};`).join('\n      ')}
    }
    workgroupBarrier();
  }
  ${sums
    .map(({ name, f, i, g }) => `write(firstM + 4u * (atM + ${f * side}u) + ${i}u, firstN + 4u * (atN + ${g * side}u), ${name});`)
    .join('\n  ')}
}`
}

/** Groups along the first dimension of a dispatch, where they are many. */
export const WIDE = 32768

const range = (count: number) => Array.from({ length: count }, (_, i) => i)

/** WGSL: a block of 4 × 4 is read by lines, and stored by columns. */
const fetchBlock = (into: string, read: string, first: string, size: number) =>
  [
    ...range(4).map((i) => `let line${i} = ${read}(${first} + line + ${i}u, first + column);`),
    ...range(4).map((j) => {
      const four = range(4).map((i) => `line${i}[${j}]`)
      return `${into}[(column + ${j}u) * ${size / 4}u + line / 4u] = vec4f(${four.join(', ')});`
    }),
  ].join('\n      ')

const readFour = (quads: boolean, inputs: number, value: string) =>
  quads
    ? `if (k >= ${inputs}u) { return vec4f(); }
  return ${value};`
    : `var four = vec4f();
  for (var j = 0u; j < 4u; j++) { if (k + j < ${inputs}u) { four[j] = ${value}; } }
  return four;`
