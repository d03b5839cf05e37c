import { type Axis, atom, productOf, sumOf } from '../axis.js'
import type { AxisRule, AxisSite } from '../site.js'
import { tieAll } from './broadcast.js'

/**
 * Attention as one operator. What may go is whole heads: of keys and values, with all queries that share one, or the same query of each.
 * The size of a head is held, since 1/√headDim and rotary tables follow it; so are the positions, which a softmax runs over.
 */
export const attention: readonly [string, AxisRule][] = [
  ['com.microsoft.Attention', (site) => packedAttention(site)],
  ['com.microsoft.MultiHeadAttention', multiHeadAttention],
  ['com.microsoft.GroupQueryAttention', groupQueryAttention],
  ['Attention', standardAttention],
  ['com.microsoft.RotaryEmbedding', rotaryEmbedding(2)],
  ['RotaryEmbedding', rotaryEmbedding(1)],
]

interface Heads {
  /** Heads of keys and values. */
  readonly shared: Axis
  /** Heads of queries: shared × queries that share one. */
  readonly queries: Axis
}

function headsOf(site: AxisSite, queries: number, shared: number): Heads | undefined {
  if (queries < 1 || shared < 1 || queries % shared !== 0) return undefined
  const [group, each] = [atom(shared), atom(queries / shared)]
  site.role('batch', group, each)
  if (queries !== shared) site.role('repeat', each)
  return { shared: group, queries: productOf([group, each]) }
}

/** heads × headDim, the latter held. `size`: of the whole axis. */
function unitsOf(site: AxisSite, heads: Axis, size: number): Axis | undefined {
  if (size % heads.size !== 0) return undefined
  return productOf([heads, atom(size / heads.size, `${site.node.op} '${site.name}' works along each head`)])
}

/** One axis is heads × headDim. Nothing is said where it does not divide. */
function tieUnits(site: AxisSite, axis: Axis | undefined, heads: Axis): void {
  const units = axis && unitsOf(site, heads, axis.size)
  if (units !== undefined) site.tie(axis, units)
}

/** The axis of heads of a cache, a bias or scores; one of size 1 serves all heads. */
function tieHeads(site: AxisSite, axis: Axis | undefined, heads: Axis): void {
  if (axis?.size === heads.size) site.tie(axis, heads)
}

/** Which inputs are the past and the zero point of the input. */
interface PackedInputs {
  readonly past: number
  /** Default: the input holds no codes */
  readonly zero?: number
}

/** x f32[batch, seq, in] · W f32[in, query + key + value] */
export function packedAttention(site: AxisSite, { past, zero }: PackedInputs = { past: 4 }): void {
  const [x, w, bias, out] = [site.input(0), site.input(1), site.input(2), site.output(0)]
  const heads = headsOf(site, site.int('num_heads', 0), site.int('num_heads', 0))
  if (x === undefined || w?.[1] === undefined || out === undefined || heads === undefined) return
  const sizes = site.ints('qkv_hidden_sizes') ?? [1, 2, 3].map(() => w[1]!.size / 3)
  const parts = sizes.map((size) => unitsOf(site, heads.shared, size))
  if (parts.length !== 3 || parts.includes(undefined) || sizes.reduce((a, b) => a + b) !== w[1].size) return
  site.tie(x[0], out[0])
  site.tie(x[2], w[0])
  site.contract(0, 2, zero)
  site.tie(w[1], sumOf(parts as Axis[]))
  site.tie(bias?.[0], w[1])
  site.tie(out[2], parts[2])
  for (const cache of [site.input(past), site.output(1)]) tieHeads(site, cache?.[2], heads.shared)
  if (past === 4) tieHeads(site, site.input(5)?.[1], heads.shared)
  site.role('matmul-in', w[0])
  site.role('matmul-out', w[1])
}

/** Query, key and value f32[batch, seq, units], packed f32[batch, seq, heads, 3, headDim], or key and value f32[batch, heads, seq, headDim]. */
function multiHeadAttention(site: AxisSite): void {
  const [query, out] = [site.input(0), site.output(0)]
  const heads = headsOf(site, site.int('num_heads', 0), site.int('num_heads', 0))
  if (query === undefined || out === undefined || heads === undefined) return
  const { shared } = heads
  site.tie(query[0], out[0])
  for (const input of [0, 1, 2]) {
    const axes = site.input(input)
    if (axes?.length === 3) tieUnits(site, axes[2], shared)
    else if (axes?.length === 4) tieHeads(site, axes[1], shared)
    else if (axes?.length === 5) tieHeads(site, axes[2], shared)
    if (axes !== undefined) site.tie(axes[0], out[0])
  }
  tieUnits(site, out[2], shared)
  tieBias(site, shared)
  for (const axes of [site.input(5), site.input(6), site.input(7), site.output(1), site.output(2), site.output(3)])
    tieHeads(site, axes?.[1], shared)
}

/** The bias of query, key and value, one after another. Where their sizes do not follow, the heads are held. */
function tieBias(site: AxisSite, heads: Axis): void {
  const bias = site.input(3)?.[0]
  if (bias === undefined) return
  const value = site.output(0)![2]!.size
  const query = (bias.size - value) / 2
  const parts = [query, query, value].map((size) => unitsOf(site, heads, size))
  if (parts.includes(undefined)) site.tie(bias, atom(bias.size, `${site.node.op} '${site.name}' adds it`))
  else site.tie(bias, sumOf(parts as Axis[]))
}

/** Query f32[batch, seq, heads · headDim], key and value of fewer heads; or all three packed in the query. */
function groupQueryAttention(site: AxisSite): void {
  const [query, key, value, out] = [site.input(0), site.input(1), site.input(2), site.output(0)]
  const heads = headsOf(site, site.int('num_heads', 0), site.int('kv_num_heads', 0))
  if (query?.[2] === undefined || out === undefined || heads === undefined) return
  if (key === undefined) {
    const each = query[2].size / (heads.queries.size + 2 * heads.shared.size)
    const parts = [heads.queries, heads.shared, heads.shared].map((axis) => unitsOf(site, axis, each * axis.size)!)
    if (!Number.isInteger(each)) return
    site.tie(query[2], sumOf(parts))
  } else tieUnits(site, query[2], heads.queries)
  tieUnits(site, key?.[2], heads.shared)
  tieUnits(site, value?.[2], heads.shared)
  tieUnits(site, out[2], heads.queries)
  for (const axes of [query, key, value, site.input(3), site.input(4), site.output(1), site.output(2)])
    site.tie(axes?.[0], out[0])
  for (const axes of [site.input(3), site.input(4), site.output(1), site.output(2)]) tieHeads(site, axes?.[1], heads.shared)
  for (const axes of [site.input(10), site.output(3)]) tieHeads(site, axes?.[1], heads.queries)
  tieHeads(site, site.input(11)?.[0], heads.queries)
}

/** Query, key and value f32[batch, heads, seq, headDim], or f32[batch, seq, heads · headDim] with the counts as attributes. */
function standardAttention(site: AxisSite): void {
  const [query, key, value, out] = [site.input(0), site.input(1), site.input(2), site.output(0)]
  if (query === undefined || key === undefined || value === undefined || out === undefined) return
  const isFlat = query.length === 3
  const heads = isFlat
    ? headsOf(site, site.int('q_num_heads', 0), site.int('kv_num_heads', 0))
    : headsOf(site, query[1]!.size, key[1]!.size)
  if (heads === undefined) return
  for (const [axes, which] of [
    [query, heads.queries],
    [key, heads.shared],
    [value, heads.shared],
    [out, heads.queries],
  ] as const) {
    site.tie(axes[0], out[0])
    if (isFlat) tieUnits(site, axes[2], which)
    else tieHeads(site, axes[1], which)
  }
  for (const axes of [site.input(4), site.input(5), site.output(1), site.output(2)]) tieHeads(site, axes?.[1], heads.shared)
  const mask = site.input(3)
  for (const axis of [mask?.at(-3), site.output(3)?.[1]]) tieHeads(site, axis, heads.queries)
}

/** Turns pairs of positions within each head. `table`: which input has the cosines, f32[…, headDim / 2]. */
function rotaryEmbedding(table: number): AxisRule {
  return (site) => {
    const [x, out, cosines] = [site.input(0), site.output(0), site.input(table)]
    if (x === undefined || out === undefined || cosines === undefined) return
    if (x.length === 4) return tieAll(site, x, out, (axis) => axis === 3)
    if (x.length !== 3) return
    const count = site.int('num_heads', 0)
    const isWhole = site.int('rotary_embedding_dim', 0) === 0
    const heads = count > 0 ? count : isWhole ? x[2]!.size / (2 * cosines.at(-1)!.size) : 0
    if (!Number.isInteger(heads) || heads < 1) return
    tieAll(site, x, out, (axis) => axis === 2)
    tieUnits(site, x[2], atom(heads))
    site.tie(x[2], out[2])
  }
}
