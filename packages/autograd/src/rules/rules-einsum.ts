import { spelledEinsum } from '@pare/onnx'
import type { GradientRules } from '../site/rule.js'
import type { GradientRule, GradientSite } from '../site/site.js'

/** y = einsum(…, x, …)  ⇒  x̄ = einsum of ȳ and the other terms, with the letters of x as the output's; repeated along letters that only x has. */
const einsum: GradientRule = (site) => {
  const ranks = site.node.inputs.map((_, i) => site.rank(site.input(i)))
  const { inputs, output } = spelledEinsum(site.string('equation', ''), ranks)!
  return site.node.inputs.map((_, i) => (site.wants(i) ? ofTerm(site, { inputs, output, i }) : undefined))
}

interface Term {
  /** Letters of the axes of each input. */
  readonly inputs: readonly string[]
  readonly output: string
  readonly i: number
}

function ofTerm(site: GradientSite, { inputs, output, i }: Term): string {
  const [x, own] = [site.input(i), [...inputs[i]!]]
  if (new Set(own).size < own.length) throw site.refuse('it takes a diagonal')
  const others = inputs.filter((_, k) => k !== i)
  const there = new Set([output, ...others].join(''))
  const shared = own.filter((label) => there.has(label)).join('')
  const values = site.node.inputs.filter((_, k) => k !== i)
  const equation = `${[output, ...others].join()}->${shared}`
  const product = site.emit.node('Einsum', [site.gradient, ...values], { equation })
  const alone = [...own.keys()].filter((axis) => !there.has(own[axis]!))
  const whole = site.unsqueeze(product, alone)
  // Where x has size 1 and the others more, it was repeated.
  const repeated = [...own.keys()].filter((axis) => there.has(own[axis]!) && site.dims(x)[axis] === 1)
  const summed = site.sum(whole, repeated)
  return alone.length === 0 ? summed : site.emit.node('Expand', [summed, site.shape(x)])
}

export const einsums: GradientRules = { Einsum: einsum }
