import { spelledEinsum } from '../../graph/einsum.js'
import { type Facts, type OperatorCall, shaped } from './rule.js'

/** One letter is one axis, broadcast between terms. */
export function einsum(call: OperatorCall): Facts {
  const shapes = call.node.inputs.map((_, i) => call.shape(i))
  const terms = spelledEinsum(
    call.string('equation', ''),
    shapes.map((shape) => shape?.length ?? -1),
  )
  if (terms === undefined) return []
  const sizes = new Map<string, number>()
  for (const [i, term] of terms.inputs.entries())
    for (const [axis, letter] of [...term].entries()) {
      const [size, other] = [shapes[i]![axis]!, sizes.get(letter) ?? 1]
      if (size !== other && size !== 1 && other !== 1) return []
      sizes.set(letter, Math.max(size, other))
    }
  return shaped([...terms.output].map((letter) => sizes.get(letter) ?? Number.NaN))
}
