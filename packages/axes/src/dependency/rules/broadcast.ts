import { PareError } from '@pare/onnx'
import type { Axis } from '../axis.js'
import type { AxisRule, AxisSite } from '../site.js'

/** The same rule under several names. */
export function each(names: string, rule: AxisRule): [string, AxisRule][] {
  return names.split(' ').map((name) => [name, rule])
}

/** `axis` counted from the front. Throws PareError where there is none of this number. */
export function fromFront(axis: number, rank: number): number {
  if (!(axis >= -rank && axis < rank))
    throw new PareError(`axis ${axis} of a value that has ${rank} axes.`, { hint: 'the model is damaged: export it again.' })
  return axis < 0 ? axis + rank : axis
}

/** Axes are matched from the last one on; an axis of size 1 is stretched and says nothing. */
export function elementwise(site: AxisSite): void {
  // Before opset 7 the second input could be aligned with an axis in the middle, and the slopes of PRelu were those of channels.
  if (site.has('broadcast') || (site.node.op === 'PRelu' && site.opset < 7)) return
  const out = site.output(0) ?? []
  for (const input of inputsOf(site)) tieBroadcast(site, input, out)
  site.free(...out, ...inputsOf(site).flat())
  // The mask of Dropout.
  for (const [i, axis] of (site.output(1) ?? []).entries()) site.tie(axis, out[i])
}

export function inputsOf(site: AxisSite): (readonly Axis[])[] {
  return site.node.inputs.flatMap((_, i) => {
    const axes = site.input(i)
    return axes === undefined ? [] : [axes]
  })
}

export function tieBroadcast(site: AxisSite, input: readonly Axis[], out: readonly Axis[]): void {
  for (let i = 1; i <= input.length; i++) {
    const [from, to] = [input.at(-i)!, out.at(-i)]
    if (to !== undefined && (from.size !== 1 || to.size === 1)) site.tie(from, to)
  }
}

/** Ties the axes of two values one to one, those at `except` left out; nothing where the ranks differ. */
export function tieAll(
  site: AxisSite,
  a: readonly Axis[] | undefined,
  b: readonly Axis[] | undefined,
  except: (axis: number) => boolean = () => false,
): void {
  if (a === undefined || b === undefined || a.length !== b.length) return
  for (const [i, axis] of a.entries()) if (!except(i)) site.tie(axis, b[i])
}
