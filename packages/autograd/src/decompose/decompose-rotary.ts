import type { Decomposition } from '../site/rule.js'
import type { GradientSite } from '../site/site.js'

/** f32[batch, heads, seq, headDim], and tables that broadcast against [batch, heads, seq, rotated / 2]. */
interface Rotation {
  readonly cosines: string
  readonly sines: string
  readonly headDim: number
  /** How many of headDim are turned: the first. */
  readonly rotated: number
  /** Pairs stand side by side; else the second half follows the first. */
  readonly interleaved: boolean
}

/** (a, b) ↦ (a cos − b sin, a sin + b cos) for pairs of elements of a head. Su et al. 2021, arXiv 2104.09864. */
export function rotate(site: GradientSite, x: string, { cosines, sines, headDim, rotated, interleaved }: Rotation): string {
  const half = rotated / 2
  const [turned, rest] =
    rotated === headDim
      ? [x, undefined]
      : site.emit.outputs('Split', [x, site.emit.ints([rotated, headDim - rotated])], { axis: -1n }, { outputs: 2 })
  const apart = interleaved ? site.emit.node('Reshape', [turned!, site.emit.ints([0, 0, -1, half, 2])]) : turned!
  const [a, b] = site.emit.outputs(
    'Split',
    [apart, site.emit.ints(interleaved ? [1, 1] : [half, half])],
    { axis: -1n },
    { outputs: 2 },
  ) as [string, string]
  const table = (of: string) => (interleaved ? site.emit.node('Unsqueeze', [of, site.emit.ints([-1])]) : of)
  const [c, s] = [table(cosines), table(sines)]
  const pairs = [site.sub(site.mul(a, c), site.mul(b, s)), site.add(site.mul(a, s), site.mul(b, c))]
  const joined = site.emit.node('Concat', pairs, { axis: -1n })
  const whole = interleaved ? site.emit.node('Reshape', [joined, site.emit.ints([0, 0, -1, rotated])]) : joined
  return rest === undefined ? whole : site.emit.node('Concat', [whole, rest], { axis: -1n })
}

/** Rows of a table for positions i64[batch, seq] or i64[seq], as f32[batch or 1, 1, seq, rotated / 2]. */
export function tableRows(site: GradientSite, table: string, positions: string, rank: 1 | 2): string {
  return site.unsqueeze(site.emit.node('Gather', [table, positions]), rank === 1 ? [0, 1] : [1])
}

/** com.microsoft: x f32[batch, heads, seq, headDim] or f32[batch, seq, heads · headDim]; positions of all tokens, or the first of all. */
const microsoftRotary: Decomposition = (site) => {
  const [x, positions, cosines, sines] = [0, 1, 2, 3].map((i) => site.input(i)) as [string, string, string, string]
  if (site.float('scale', 1) !== 1) throw site.refuse('it scales')
  const isOffset = site.dims(positions).length === 1
  const ids = isOffset ? offsetPositions(site, positions, site.size(x, site.rank(x) === 4 ? 2 : 1)) : positions
  const rows = (table: string) => tableRows(site, table, ids, isOffset ? 1 : 2)
  return [
    turned(site, x, { cosines: rows(cosines), sines: rows(sines), width: site.int('rotary_embedding_dim', 0), table: cosines }),
  ]
}

/** first, first + 1, …: i64[seq] */
export function offsetPositions(site: GradientSite, first: string, count: string): string {
  const zero = site.emit.ints([0])
  const scalar = (value: string) => site.emit.node('Squeeze', [value, zero])
  return site.add(site.emit.node('Range', [site.emit.ints(0), scalar(count), site.emit.ints(1)]), first)
}

/** ai.onnx 23: tables of rows for positions, or of all tokens f32[batch, seq, rotated / 2]. */
const standardRotary: Decomposition = (site) => {
  const [x, cosines, sines] = [site.input(0), site.input(1), site.input(2)]
  const rows = (table: string) => (site.has(3) ? tableRows(site, table, site.input(3), 2) : site.unsqueeze(table, [1]))
  return [
    turned(site, x, { cosines: rows(cosines), sines: rows(sines), width: site.int('rotary_embedding_dim', 0), table: cosines }),
  ]
}

interface Tables {
  readonly cosines: string
  readonly sines: string
  /** 0: all of a head. */
  readonly width: number
  /** Its last axis is half of what is turned. */
  readonly table: string
}

function turned(site: GradientSite, x: string, { cosines, sines, width, table }: Tables): string {
  const half = site.dims(table).at(-1)!
  const last = site.dims(x).at(-1)!
  if (typeof half !== 'number' || typeof last !== 'number')
    throw site.refuse('the size of its heads is computed while the model runs')
  const rotated = width === 0 ? 2 * half : width
  const interleaved = site.int('interleaved', 0) !== 0
  if (site.rank(x) === 4) return rotate(site, x, { cosines, sines, headDim: last, rotated, interleaved })
  const count = site.int('num_heads', 0)
  const headDim = count === 0 ? rotated : last / count
  const heads = site.transpose(site.emit.node('Reshape', [x, site.emit.ints([0, 0, last / headDim, headDim])]), [0, 2, 1, 3])
  const rotation = rotate(site, heads, { cosines, sines, headDim, rotated, interleaved })
  return site.emit.node('Reshape', [site.transpose(rotation, [0, 2, 1, 3]), site.emit.ints([0, 0, last])])
}

export const rotaries: Readonly<Record<string, Decomposition>> = {
  'com.microsoft.RotaryEmbedding': microsoftRotary,
  RotaryEmbedding: standardRotary,
}
