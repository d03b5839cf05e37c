import { spelledEinsum } from '@pare/onnx'
import type { Axis } from '../axis.js'
import type { AxisRule, AxisSite } from '../site.js'
import { each, tieBroadcast } from './broadcast.js'

/** Operators that multiply matrices. */
export const matrix: readonly [string, AxisRule][] = [
  ['MatMul', matmul],
  ...each('com.microsoft.FusedMatMul com.microsoft.TransposeMatMul', fusedMatMul),
  ...each('Gemm com.microsoft.FusedGemm', (site) => gemm(site, { a: 0, b: 1, c: 2 })),
  ['Einsum', einsum],
]

/** [… m, k] × [… k, n] → [… m, n] */
function matmul(site: AxisSite): void {
  multiply(site, { a: 0, b: 1 })
}

/** MatMul with one or both sides transposed. */
function fusedMatMul(site: AxisSite): void {
  if (site.int('transBatchA', 0) === 1 || site.int('transBatchB', 0) === 1) return
  multiply(site, { a: 0, b: 1, transA: site.int('transA', 0) === 1, transB: site.int('transB', 0) === 1 })
}

/** Which inputs are the sides of a product. */
interface Sides {
  readonly a: number
  readonly b: number
  /** Default: false */
  readonly transA?: boolean
  /** Default: false */
  readonly transB?: boolean
  /** Inputs with the zero points of a and b, where they are codes. */
  readonly zeros?: readonly [a: number, b: number]
}

export function multiply(site: AxisSite, { a: left, b: right, transA = false, transB = false, zeros }: Sides): void {
  const [a, b, out] = [site.input(left), site.input(right), site.output(0)]
  if (a === undefined || b === undefined || out === undefined || a.length < 2 || b.length < 2) return
  const [m, k] = transA ? [a.length - 1, a.length - 2] : [a.length - 2, a.length - 1]
  const [inner, n] = transB ? [b.length - 1, b.length - 2] : [b.length - 2, b.length - 1]
  const batch = out.slice(0, -2)
  for (const side of [a.slice(0, -2), b.slice(0, -2)]) {
    tieBroadcast(site, side, batch)
    site.free(...side)
  }
  site.free(...batch)
  site.tie(a[m!], out.at(-2))
  site.tie(b[n!], out.at(-1))
  site.tie(a[k!], b[inner!])
  const weight = site.isConstant(right) ? right : site.isConstant(left) ? left : undefined
  if (weight === left) site.contract(right, inner!, zeros?.[1])
  else site.contract(left, k!, zeros?.[0])
  if (weight === undefined) {
    site.role('batch', ...batch)
    site.role('repeat', ...batch.filter((axis, i) => isStretched(axis, [a, b], batch.length - i)))
    site.role('inner', a[k!])
    site.role('outer', out.at(-2), out.at(-1))
  } else {
    site.role('matmul-in', a[k!])
    site.role('matmul-out', weight === right ? out.at(-1) : out.at(-2))
  }
}

/** Whether one side has a single matrix for all positions of a batch axis, the `fromLast`-th before the last two. */
function isStretched(axis: Axis, sides: readonly (readonly Axis[])[], fromLast: number): boolean {
  return axis.size > 1 && sides.some((side) => (side.at(-2 - fromLast)?.size ?? 1) === 1)
}

/** `zero`: the input with the zero point of a, where it is codes. */
export function gemm(
  site: AxisSite,
  inputs: { readonly a: number; readonly b: number; readonly c: number; readonly zero?: number },
): void {
  const [a, b, c, out] = [site.input(inputs.a), site.input(inputs.b), site.input(inputs.c), site.output(0)]
  if (a === undefined || b === undefined || out === undefined) return
  const [m, k] = site.int('transA', 0) === 1 ? ([1, 0] as const) : ([0, 1] as const)
  const [inner, n] = site.int('transB', 0) === 1 ? ([1, 0] as const) : ([0, 1] as const)
  site.tie(a[m], out[0])
  site.tie(b[n], out[1])
  site.tie(a[k], b[inner])
  site.contract(inputs.a, k, inputs.zero)
  site.role('matmul-in', a[k])
  site.role('matmul-out', out[1])
  if (c !== undefined) {
    tieBroadcast(site, c, out)
    site.free(...c)
  }
}

/** One letter is one axis; a letter that the output lacks is summed over. Letters twice in a term, and axes that are stretched, are held. */
function einsum(site: AxisSite): void {
  const values = [...site.node.inputs.map((_, i) => site.input(i)), site.output(0)]
  const ranks = values.slice(0, -1).map((axes) => axes?.length ?? -1)
  const spelled = spelledEinsum(site.string('equation') ?? '', ranks)
  const terms = spelled && [...spelled.inputs, spelled.output]
  if (terms === undefined) return
  const letters = new Map<string, Axis>()
  for (const [i, term] of terms.entries()) {
    if (values[i]?.length !== term.length || new Set(term).size !== term.length) return
    for (const [axis, letter] of [...term].entries()) {
      const partner = letters.get(letter) ?? values[i]![axis]!
      // An axis of size 1 that is stretched.
      if (partner.size !== values[i]![axis]!.size) return
      letters.set(letter, partner)
    }
  }
  for (const [i, term] of terms.entries())
    for (const [axis, letter] of [...term].entries()) site.tie(values[i]![axis], letters.get(letter))
  sumLetters(site, terms, letters)
}

function sumLetters(site: AxisSite, terms: readonly string[], letters: ReadonlyMap<string, Axis>): void {
  const [inputs, out] = [terms.slice(0, -1), terms.at(-1)!]
  const weight = inputs.length === 1 ? -1 : inputs.findLastIndex((_, i) => site.isConstant(i))
  for (const [letter, axis] of letters) {
    const within = [...inputs.keys()].filter((i) => inputs[i]!.includes(letter))
    if (!out.includes(letter)) {
      const at = within.find((i) => i !== weight) ?? within[0]!
      site.contract(at, inputs[at]!.indexOf(letter))
      site.role(weight >= 0 ? 'matmul-in' : 'inner', axis)
    } else if (within.length === 1 && within[0] === weight) site.role('matmul-out', axis)
    else if (weight < 0) site.role(within.length > 1 ? 'batch' : 'outer', axis)
  }
}
