import type { Decomposition } from '../site/rule.js'
import type { GradientSite } from '../site/site.js'
import { appended, attend, causal, merge, split } from './attention.js'
import { offsetPositions, rotate, tableRows } from './decompose-rotary.js'

/** com.microsoft: query, key and value from one weight f32[in, query + key + value]. */
const packedAttention: Decomposition = (site) => {
  const [x, weight, bias] = [site.input(0), site.input(1), site.input(2)]
  const heads = site.int('num_heads', 1)
  if (site.int('do_rotary', 0) !== 0 || site.int('past_present_share_buffer', 0) !== 0 || site.has(6))
    throw site.refuse('it turns positions, or fills a buffer')
  const width = site.dims(weight)[1]!
  if (typeof width !== 'number') throw site.refuse('the size of its weight is not known')
  const sizes = site.ints('qkv_hidden_sizes') ?? [width / 3, width / 3, width / 3]
  const product = site.emit.node('MatMul', [x, weight])
  const all = bias === '' ? product : site.add(product, bias)
  const [q, k, v] = site.emit
    .outputs('Split', [all, site.emit.ints(sizes)], { axis: -1n }, { outputs: 3 })
    .map((each, i) => split(site, each, heads, sizes[i]! / heads)) as [string, string, string]
  const past = (i: number) => (site.has(4) ? site.emit.node('Gather', [site.input(4), site.emit.ints(i)]) : '')
  const [keys, values] = [appended(site, past(0), k), appended(site, past(1), v)]
  const present = () => site.emit.node('Concat', [site.unsqueeze(keys, [0]), site.unsqueeze(values, [0])], { axis: 0n })
  const result = attend(site, {
    ...{ q, k: keys, v: values, scale: scaleOf(site, sizes[0]! / heads) },
    added: site.has(5) ? [site.input(5)] : [],
    masks: site.has(3) ? [maskOf(site, site.input(3), keys)] : [],
    seen: site.int('unidirectional', 0) !== 0 ? [causal(site, { q, k: keys, past: past(0) })] : [],
  })
  return [merge(site, result), site.node.outputs[1] ? present() : undefined]
}

function scaleOf(site: GradientSite, headDim: number): number {
  return site.float('scale', 0) || 1 / Math.sqrt(headDim)
}

/**
 * What is added for a mask of com.microsoft, f32 broadcast to [batch, heads, seq, tokens]: i32[batch, tokens] or i32[batch, seq, tokens], 1 = seen; or i32[batch], where each
 * sample ends; or i32[2 · batch], with where each begins behind that.
 */
function maskOf(site: GradientSite, mask: string, keys: string): string {
  const rank = site.rank(mask)
  const visible = rank === 1 ? lengths(site, mask, keys) : site.emit.node('Cast', [mask], { to: 9n })
  if (rank > 3) throw site.refuse('its mask has four axes')
  const filter = site.emit.float(site.float('mask_filter_value', -10000))
  return site.unsqueeze(site.emit.node('Where', [visible, site.emit.float(0), filter]), rank === 3 ? [1] : [1, 2])
}

/** bool[batch, tokens] */
function lengths(site: GradientSite, mask: string, keys: string): string {
  const tokens = site.emit.node('Shape', [keys], { start: 2n, end: 3n })
  const places = site.unsqueeze(offsetPositions(site, site.emit.ints([0]), tokens), [0])
  const [batch, entries] = [site.dims(site.input(0))[0], site.dims(mask)[0]]
  const ends = site.unsqueeze(site.emit.node('Cast', [mask], { to: 7n }), [1])
  if (batch === entries) return site.emit.node('Less', [places, ends])
  const count = site.size(site.input(0), 0)
  const [end, start] = site.emit.outputs(
    'Split',
    [ends, site.emit.node('Concat', [count, count], { axis: 0n })],
    { axis: 0n },
    { outputs: 2 },
  )
  return site.emit.node('And', [site.emit.node('Less', [places, end!]), site.emit.node('GreaterOrEqual', [places, start!])])
}

/** com.microsoft: query, key and value f32[batch, seq, units], or packed. */
const multiHeadAttention: Decomposition = (site) => {
  const heads = site.int('num_heads', 1)
  if (site.has(8) || site.has(9)) throw site.refuse('it fills a buffer of keys and values')
  const { q, k, v } = queryKeyValue(site, heads)
  const [keys, values] = [appended(site, site.input(6), k.value), appended(site, site.input(7), v.value)]
  const result = attend(site, {
    ...{ q: q.value, k: keys, v: values, scale: scaleOf(site, q.headDim) },
    added: site.has(5) ? [site.input(5)] : [],
    masks: site.has(4) ? [maskOf(site, site.input(4), keys)] : [],
    seen: site.int('unidirectional', 0) !== 0 ? [causal(site, { q: q.value, k: keys, past: site.input(6) })] : [],
  })
  return [merge(site, result), keys, values]
}

interface Heads {
  /** f32[batch, heads, seq, headDim] */
  readonly value: string
  readonly headDim: number
}

function queryKeyValue(site: GradientSite, heads: number): { q: Heads; k: Heads; v: Heads } {
  const [query, key, value, bias] = [0, 1, 2, 3].map((i) => site.input(i)) as [string, string, string, string]
  // No provider for CPUs runs these.
  if (site.rank(query) === 5 || site.rank(key) === 5) throw site.refuse('its keys and values are in one input')
  const size = number(site, site.dims(query)[2]) / heads
  if (site.rank(key) === 4) {
    if (bias !== '') throw site.refuse('it has a bias, and keys by heads')
    const headDim = number(site, site.dims(value)[3])
    return {
      q: { value: split(site, query, heads, size), headDim: size },
      k: { value: key, headDim: size },
      v: { value, headDim },
    }
  }
  const inner = number(site, site.dims(value)[2])
  const biases =
    bias === ''
      ? []
      : site.emit.outputs('Split', [bias, site.emit.ints([size * heads, size * heads, inner])], { axis: 0n }, { outputs: 3 })
  const part = (of: string, i: number, headDim: number): Heads => ({
    value: split(site, biases[i] === undefined ? of : site.add(of, biases[i]), heads, headDim),
    headDim,
  })
  return { q: part(query, 0, size), k: part(key, 1, size), v: part(value, 2, inner / heads) }
}

function number(site: GradientSite, size: number | string | undefined): number {
  if (typeof size === 'number') return size
  throw site.refuse('the size of its heads is computed while the model runs')
}

/** com.microsoft: causal, several query heads to one of keys and values, positions turned within. The past is taken to be as long as it is, without padding. */
const groupQueryAttention: Decomposition = (site) => {
  const [heads, shared] = [site.int('num_heads', 1), site.int('kv_num_heads', 1)]
  if (site.int('smooth_softmax', 0) > 0 || site.has(11)) throw site.refuse('its softmax has a sink')
  const isPacked = !site.has(1)
  const headDim = number(site, site.dims(site.input(0))[2]) / (isPacked ? heads + 2 * shared : heads)
  const sizes = [heads, shared, shared].map((count) => count * headDim)
  const parts = isPacked
    ? site.emit.outputs('Split', [site.input(0), site.emit.ints(sizes)], { axis: -1n }, { outputs: 3 })
    : [0, 1, 2].map((i) => site.input(i))
  const [q, k, v] = parts.map((part, i) => split(site, part, sizes[i]! / headDim, headDim)) as [string, string, string]
  const [past, pastValues] = [site.input(3), site.input(4)]
  const window = site.int('local_window_size', -1)
  const turn = site.int('do_rotary', 0) === 0 ? (x: string) => x : turning(site, { headDim, seq: q, past })
  const [query, keys, values] = [turn(q), appended(site, past, turn(k)), appended(site, pastValues, v)]
  const result = attend(site, {
    ...{ q: query, k: keys, v: values, scale: scaleOf(site, headDim), sharing: heads / shared, cap: site.float('softcap', 0) },
    masks: site.has(10) ? [site.input(10)] : [],
    seen: [causal(site, { q: query, k: keys, past, ...(window >= 0 && { window }) })],
  })
  return [merge(site, result), keys, values]
}

interface Turning {
  readonly headDim: number
  /** Its axis 2 is as long as there are new tokens. */
  readonly seq: string
  readonly past: string
}

/** Positions count on from those of the past, unless they are given. */
function turning(site: GradientSite, { headDim, seq, past }: Turning): (x: string) => string {
  const [cosines, sines] = [site.input(7), site.input(8)]
  const rotated = 2 * number(site, site.dims(cosines)[1])
  const axis2 = (value: string) => site.emit.node('Shape', [value], { start: 2n, end: 3n })
  const hasPositions = site.has(9)
  const positions = hasPositions
    ? site.input(9)
    : offsetPositions(site, past === '' ? site.emit.ints([0]) : axis2(past), axis2(seq))
  const rows = (table: string) => tableRows(site, table, positions, hasPositions ? 2 : 1)
  const interleaved = site.int('rotary_interleaved', 0) !== 0
  return (x) => rotate(site, x, { cosines: rows(cosines), sines: rows(sines), headDim, rotated, interleaved })
}

/** ai.onnx 23: query, key and value f32[batch, heads, seq, headDim], or f32[batch, seq, heads · headDim] with the counts as attributes. */
const standardAttention: Decomposition = (site) => {
  const [query, key, value, mask, past, pastValues] = [0, 1, 2, 3, 4, 5].map((i) => site.input(i)) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  if (site.has(6)) throw site.refuse('it is told how many tokens are no padding')
  const flat = site.rank(query) === 3
  const count = (of: string, attribute: string) => (flat ? site.int(attribute, 1) : number(site, site.dims(of)[1]))
  const [heads, shared] = [count(query, 'q_num_heads'), count(key, 'kv_num_heads')]
  const last = (of: string) => number(site, site.dims(of).at(-1))
  const byHeads = (of: string, own: number) => (flat ? split(site, of, own, last(of) / own) : of)
  const [q, k, v] = [byHeads(query, heads), byHeads(key, shared), byHeads(value, shared)]
  const [keys, values] = [appended(site, past, k), appended(site, pastValues, v)]
  const isBool = mask !== '' && site.type(mask) === 'bool'
  const headDim = flat ? last(query) / heads : last(query)
  const result = attend(site, {
    ...{ q, k: keys, v: values, scale: scaleOf(site, headDim), sharing: heads / shared, cap: site.float('softcap', 0) },
    masks: mask !== '' && !isBool ? [mask] : [],
    seen: [...(isBool ? [mask] : []), ...(site.int('is_causal', 0) !== 0 ? [causal(site, { q, k: keys, past })] : [])],
  })
  return [flat ? merge(site, result) : result, keys, values]
}

export const attentions: Readonly<Record<string, Decomposition>> = {
  'com.microsoft.Attention': packedAttention,
  'com.microsoft.MultiHeadAttention': multiHeadAttention,
  'com.microsoft.GroupQueryAttention': groupQueryAttention,
  Attention: standardAttention,
}
