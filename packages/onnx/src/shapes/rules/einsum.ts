import { broadcast, type Call, type Facts, shaped } from './rule.js'

/** One letter is one axis; an ellipsis stands for whatever axes a term has besides, broadcast between terms. */
export function einsum(call: Call): Facts {
  const [left, right] = call.string('equation', '').replaceAll(/\s/g, '').split('->')
  const terms = left!.split(',').map(lettersOf)
  const sizes = new Map<string, number>()
  let others: readonly number[] | undefined = []
  for (const [i, { before, after, isOpen }] of terms.entries()) {
    const shape = call.shape(i)
    const open = (shape?.length ?? -1) - before.length - after.length
    if (shape === undefined || open < 0 || (!isOpen && open > 0)) return []
    const named = [
      ...before.map((letter, axis) => [letter, axis] as const),
      ...after.map((letter, axis) => [letter, before.length + open + axis] as const),
    ]
    for (const [letter, axis] of named) sizes.set(letter, Math.max(sizes.get(letter) ?? 1, shape[axis]!))
    others = others && broadcast(others, shape.slice(before.length, before.length + open))
  }
  if (others === undefined) return []
  const { before, after, isOpen } = right === undefined ? implicit(left!) : lettersOf(right)
  const sizeOf = (letter: string) => sizes.get(letter) ?? Number.NaN
  return shaped([...before.map(sizeOf), ...(isOpen ? others : []), ...after.map(sizeOf)])
}

interface Term {
  readonly before: readonly string[]
  /** Behind the ellipsis. */
  readonly after: readonly string[]
  readonly isOpen: boolean
}

function lettersOf(term: string): Term {
  const [before, after] = term.split('...')
  return { before: [...before!], after: [...(after ?? '')], isOpen: after !== undefined }
}

/** Without an arrow: what the ellipses stand for, then the letters that occur once, sorted. */
function implicit(left: string): Term {
  const letters = [...left.replaceAll(/[.,]/g, '')]
  return {
    before: [],
    after: letters.filter((letter, i) => letters.indexOf(letter) === i && letters.lastIndexOf(letter) === i).sort(),
    isOpen: left.includes('...'),
  }
}
