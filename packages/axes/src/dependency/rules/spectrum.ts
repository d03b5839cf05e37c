import type { AxisRule, AxisSite } from '../site.js'
import { each, fromFront, tieAll } from './broadcast.js'

/** Operators of sound: what they transform is held, and what is beside it passes. What they make of numbers alone has no positions of an input. */
export const spectrum: readonly [string, AxisRule][] = [
  ['DFT', dft],
  ['STFT', (site) => site.tie(site.input(0)?.[0], site.output(0)?.[0])],
  ...each('MelWeightMatrix BlackmanWindow HammingWindow HannWindow', () => {}),
]

/** Along one axis at all positions of the others; the last holds real and imaginary parts. */
function dft(site: AxisSite): void {
  const [x, out] = [site.input(0), site.output(0)]
  const axis = site.opset < 20 ? site.int('axis', 1) : site.input(2) === undefined ? -2 : site.value(2)?.[0]
  if (x === undefined || out === undefined || axis === undefined) return
  const over = fromFront(axis, x.length)
  tieAll(site, x, out, (at) => at === over || at === x.length - 1)
}
