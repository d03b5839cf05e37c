/** One term of an Einsum: a letter for each axis; an ellipsis, where it has one, stands for any others. */
export interface EinsumTerm {
  readonly before: string
  /** Behind the ellipsis. */
  readonly after: string
  readonly isOpen: boolean
}

export interface EinsumTerms {
  readonly inputs: readonly EinsumTerm[]
  readonly output: EinsumTerm
}

/** Reads 'bij,bjk->bik' and '...ij,jk'. Without an arrow the output has what ellipses stand for, then the letters that occur once, sorted. */
export function einsumTerms(equation: string): EinsumTerms {
  const [left = '', right] = equation.replaceAll(/\s/g, '').split('->')
  const inputs = left.split(',').map(termOf)
  return { inputs, output: right === undefined ? implicit(left) : termOf(right) }
}

/** The same with a letter for each axis that an ellipsis stands for, the last of them being the same in all terms. Undefined where the ranks do not fit. */
export function spelledEinsum(
  equation: string,
  ranks: readonly number[],
): { readonly inputs: readonly string[]; readonly output: string } | undefined {
  const { inputs, output } = einsumTerms(equation)
  const free = LETTERS.filter((letter) => !equation.includes(letter))
  const hidden = inputs.map(({ before, after, isOpen }, i) => {
    const others = (ranks[i] ?? -1) - before.length - after.length
    return others === 0 || (isOpen && others > 0) ? others : Number.NaN
  })
  const most = Math.max(...hidden)
  if (inputs.length !== ranks.length || Number.isNaN(most)) return undefined
  const spelled = ({ before, after, isOpen }: EinsumTerm, count: number) =>
    `${before}${isOpen ? free.slice(most - count, most).join('') : ''}${after}`
  return { inputs: inputs.map((term, i) => spelled(term, hidden[i]!)), output: spelled(output, most) }
}

const LETTERS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz']

function termOf(term: string): EinsumTerm {
  const [before = '', after] = term.split('...')
  return { before, after: after ?? '', isOpen: after !== undefined }
}

function implicit(left: string): EinsumTerm {
  const letters = [...left.replaceAll(/[.,]/g, '')]
  const once = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter))
  return { before: '', after: once.sort().join(''), isOpen: left.includes('...') }
}
