import type { AxisRule, Site } from '../site.js'
import { each, fromFront, tieAll } from './broadcast.js'

/** Operators between floats and integers. */
export const quantize: readonly [string, AxisRule][] = [
  ...each('QuantizeLinear DequantizeLinear com.microsoft.QuantizeLinear com.microsoft.DequantizeLinear', linear),
]

/** One scale for all, or one for each position of an axis: then scale and zero point go with it. A scale for each block holds everything. */
function linear(site: Site): void {
  const [x, scale, zero, out] = [site.input(0), site.input(1), site.input(2), site.output(0)]
  if (x === undefined || scale === undefined || out === undefined || scale.length > 1 || site.int('block_size', 0) > 0) return
  const at = fromFront(site.int('axis', 1), x.length)
  const isPerAxis = scale.length === 1 && (scale[0]!.size > 1 || x[at]?.size === 1)
  if (isPerAxis && x[at]?.size !== scale[0]!.size) return
  tieAll(site, x, out)
  if (!isPerAxis) return
  site.tie(scale[0], out[at])
  site.tie(zero?.[0], out[at])
}
