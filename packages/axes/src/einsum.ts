import { attributesOf, einsumTerms, type Node } from '@pare/onnx'

/** A weight of an Einsum as a matrix, or a stack of these. */
export interface EinsumProduct {
  /** The input that it is multiplied with. */
  readonly other: number
  /** Axes of that input that are summed over, in the weight's order. Counted from the end where an ellipsis stands before. */
  readonly inner: readonly number[]
  /** Axes of the output that the weight makes, in its order. */
  readonly outer: readonly number[]
  /** Where there is a matrix for each position of axes of the other input, as heads have: these axes, and those of the output that they become. */
  readonly shared?: { readonly met: readonly number[]; readonly made: readonly number[] }
}

/**
 * Where one of two inputs is a weight whose letters are summed over, or make axes of the output, or stand in both; and where those that are summed stand side by side,
 * behind those that stand in both. Undefined for any other Einsum.
 */
export function einsumProduct(node: Node, input: number): EinsumProduct | undefined {
  const { inputs, output } = einsumTerms(attributesOf(node).string('equation') ?? '')
  const [weight, value] = [inputs[input], inputs[1 - input]]
  if (inputs.length !== 2 || weight === undefined || value === undefined || weight.isOpen || (value.isOpen && !output.isOpen))
    return undefined
  if ([weight, value, output].some(({ before, after }) => new Set(before + after).size < (before + after).length))
    return undefined
  const [made, met] = [output.before + output.after, value.before + value.after]
  // A letter that only the other input has would be summed before.
  if ([...met].some((letter) => !made.includes(letter) && !weight.before.includes(letter))) return undefined
  const letters = [...weight.before]
  const kinds = letters.map((letter) =>
    !made.includes(letter) ? (met.includes(letter) ? 'i' : '?') : met.includes(letter) ? 's' : 'o',
  )
  if (!/^(?:o*i+o*|s+i+o+|s+oi+|si+)$/.test(kinds.join(''))) return undefined
  const axesIn = ({ before, after, isOpen }: typeof output, kind: string) =>
    letters
      .filter((_, i) => kinds[i] === kind)
      .map((letter) => (before.includes(letter) || !isOpen ? before.indexOf(letter) : after.indexOf(letter) - after.length))
  return {
    other: 1 - input,
    inner: axesIn(value, 'i'),
    outer: axesIn(output, 'o'),
    ...(kinds.includes('s') && { shared: { met: axesIn(value, 's'), made: axesIn(output, 's') } }),
  }
}
