import type { Axis } from '../axis.js'
import type { AxisRule, AxisSite } from '../site.js'
import { fromFront, tieAll } from './broadcast.js'

/** What joins the graphs of If, Loop and Scan with the graph around them, where they are written out (nested/flatten.ts). */
export const NESTED_RULES: ReadonlyMap<string, AxisRule> = new Map<string, AxisRule>([
  ['pare.If', choose],
  ['pare.Enter', enter],
  ['pare.Loop', loop],
  ['pare.Scan', scan],
])

/** Condition, what one branch makes, what the other makes. An axis that differs between them is held. */
function choose(site: AxisSite): void {
  site.free(...(site.input(0) ?? []))
  const count = site.node.outputs.length
  for (let i = 0; i < count; i++) {
    const [out, ...made] = [site.output(i), site.input(1 + i), site.input(1 + count + i)]
    if (made.some((axes) => axes?.length !== out?.length)) continue
    const isNothing = [1 + i, 1 + count + i].map((input) => holdsNothing(site, input))
    for (const [axis, along] of (out ?? []).entries()) {
      const same = made.map((axes) => axes![axis]!.size === along.size)
      // Of what has no elements it does not matter how long it is.
      if (!same.every((isSame, branch) => isSame || isNothing[branch])) continue
      for (const [branch, axes] of made.entries())
        if (same[branch]) site.tie(axes![axis], along)
        else site.free(axes![axis])
    }
  }
}

/** A constant without elements stands for what one branch has no need to make: optimum's for the keys of an encoder, which are cached already. */
function holdsNothing(site: AxisSite, input: number): boolean {
  return site.isConstant(input) && (site.input(input)?.some(({ size }) => size === 0) ?? false)
}

/** What a loop is given, and what its body starts with. */
function enter(site: AxisSite): void {
  const names = site.node.outputs
  const [first, scanned] = site.string('op') === 'Loop' ? [2, 0] : [0, site.int('num_scan_inputs', 0)]
  for (let i = 0; i < first; i++) site.free(...(site.input(i) ?? []), ...(site.output(i) ?? []))
  for (let i = first; i < names.length - scanned; i++) tieAll(site, site.input(i), site.output(i))
  const axes = site.ints('scan_input_axes')
  for (let k = 0; k < scanned; k++) {
    const i = names.length - scanned + k
    tieStep(site, { whole: site.input(i), step: site.output(i), axis: axes?.[k] ?? 0 })
  }
}

/** Next condition, what is carried on, what is collected; then the condition and what was carried at the beginning of a pass. */
function loop(site: AxisSite): void {
  const [inputs, outputs] = [site.node.inputs.length, site.node.outputs.length]
  const carried = inputs - 2 - outputs
  const start = 1 + outputs
  site.free(...(site.input(0) ?? []), ...(site.input(start) ?? []))
  for (let i = 0; i < carried; i++) tieCarried(site, { out: i, next: 1 + i, before: start + 1 + i })
  for (let i = carried; i < outputs; i++) tieStep(site, { whole: site.output(i), step: site.input(1 + i), axis: 0 })
}

/** What is carried on, what is collected; what was carried and looked at in a pass; what was given. */
function scan(site: AxisSite): void {
  const [inputs, outputs] = [site.node.inputs.length, site.node.outputs.length]
  const entries = (inputs - outputs) / 2
  const carried = entries - site.int('num_scan_inputs', 0)
  for (let i = 0; i < carried; i++) tieCarried(site, { out: i, next: i, before: outputs + i })
  const axes = site.ints('scan_output_axes')
  for (let i = carried; i < outputs; i++)
    tieStep(site, { whole: site.output(i), step: site.input(i), axis: axes?.[i - carried] ?? 0 })
  // What goes on with these is said where they enter.
  for (let i = outputs; i < inputs; i++) site.free(...(site.input(i) ?? []))
}

function tieCarried(site: AxisSite, { out, next, before }: { out: number; next: number; before: number }): void {
  tieAll(site, site.input(next), site.input(before))
  tieAll(site, site.input(next), site.output(out))
}

interface Step {
  readonly whole: readonly Axis[] | undefined
  readonly step: readonly Axis[] | undefined
  /** Along which passes follow one another. */
  readonly axis: number
}

/** A pass sees or gives one position of an axis. */
function tieStep(site: AxisSite, { whole, step, axis }: Step): void {
  if (whole === undefined || step === undefined) return
  const at = fromFront(axis, whole.length)
  tieAll(
    site,
    whole.filter((_, i) => i !== at),
    step,
  )
}
