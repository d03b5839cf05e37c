import type { GradientSite } from '../site/site.js'

/** What attention computes with. */
export interface AttentionParts {
  /** f32[batch, heads, seq, headDim] */
  readonly q: string
  /** f32[batch, heads or fewer, tokens, headDim] */
  readonly k: string
  readonly v: string
  /** Times q · k. */
  readonly scale: number
  /** Query heads that share one head of keys and values. Default: 1 */
  readonly sharing?: number
  /** Added to the scores, each broadcast to [batch, heads, seq, tokens], before the cap. */
  readonly added?: readonly string[]
  /** Added after the cap. */
  readonly masks?: readonly string[]
  /** bool, broadcast like these: where it is false a token is not seen. */
  readonly seen?: readonly string[]
  /** scores = cap · tanh(scores / cap). Default: 0, none */
  readonly cap?: number
}

/** softmax(q kᵀ scale + …) v: f32[batch, heads, seq, headDim]. */
export function attend(site: GradientSite, parts: AttentionParts): string {
  const { q, k, v, scale, sharing = 1, added = [], masks = [], seen = [], cap = 0 } = parts
  const [keys, values] = [k, v].map((value) => repeated(site, value, sharing)) as [string, string]
  const products = site.matmul(q, keys, { transB: true, alpha: scale })
  const biased = added.reduce((scores, bias) => site.add(scores, bias), products)
  const capped = cap === 0 ? biased : site.mul(site.emit.node('Tanh', [site.mul(biased, 1 / cap)]), cap)
  const masked = masks.reduce((scores, mask) => site.add(scores, mask), capped)
  const scores = seen.reduce((all, each) => site.emit.node('Where', [each, all, site.emit.float(LOWEST)]), masked)
  return site.emit.node('MatMul', [site.emit.node('Softmax', [scores], { axis: -1n }), values])
}

/** The score of what is not seen. */
const LOWEST = -3.4028234663852886e38

/** [batch, heads, tokens, headDim] with each head `times` times, one behind the other. */
function repeated(site: GradientSite, value: string, times: number): string {
  if (times === 1) return value
  const shape = (start: bigint, end: bigint) => site.emit.node('Shape', [value], { start, end })
  const whole = site.emit.node('Concat', [shape(0n, 2n), site.emit.ints([times]), shape(2n, 4n)], { axis: 0n })
  const flat = site.emit.node('Concat', [shape(0n, 1n), site.emit.ints([-1]), shape(2n, 4n)], { axis: 0n })
  return site.emit.node('Reshape', [site.emit.node('Expand', [site.unsqueeze(value, [2]), whole]), flat])
}

/** [batch, seq, heads · headDim] as [batch, heads, seq, headDim]. */
export function split(site: GradientSite, value: string, heads: number, headDim: number): string {
  return site.transpose(site.emit.node('Reshape', [value, site.emit.ints([0, 0, heads, headDim])]), [0, 2, 1, 3])
}

/** The other way. */
export function merge(site: GradientSite, value: string): string {
  return site.emit.node('Reshape', [site.transpose(value, [0, 2, 1, 3]), site.emit.ints([0, 0, -1])])
}

export interface Order {
  /** f32[batch, heads, seq, headDim] */
  readonly q: string
  /** f32[batch, heads, tokens, headDim] */
  readonly k: string
  /** Keys of earlier tokens, which `k` begins with; '' where there are none. */
  readonly past: string
  /** How many tokens a query sees, itself among them. Default: all */
  readonly window?: number
}

/** bool[seq, tokens]: the token is not behind the query's own place, nor further before it than the window reaches. */
export function causal(site: GradientSite, { q, k, past, window }: Order): string {
  const length = (value: string) => site.emit.node('Shape', [value], { start: 2n, end: 3n })
  const range = (count: string) =>
    site.emit.node('Range', [site.emit.ints(0), site.emit.node('Squeeze', [count, site.emit.ints([0])]), site.emit.ints(1)])
  const own = past === '' ? range(length(q)) : site.add(range(length(q)), length(past))
  const [rows, columns] = [site.unsqueeze(own, [1]), site.unsqueeze(range(length(k)), [0])]
  const before = site.emit.node('LessOrEqual', [columns, rows])
  if (window === undefined) return before
  return site.emit.node('And', [before, site.emit.node('Greater', [columns, site.sub(rows, site.emit.ints([window]))])])
}

/** Keys or values of earlier tokens, and those of these behind them. */
export function appended(site: GradientSite, past: string, value: string): string {
  return past === '' ? value : site.emit.node('Concat', [past, value], { axis: 2n })
}
