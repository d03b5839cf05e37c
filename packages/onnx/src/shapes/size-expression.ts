/** A size that is computed from others: a number, the name of a symbol, or both computed with. */
export type SizeExpression =
  | number
  | string
  | { readonly op: '+' | '-' | '*' | '/' | '//'; readonly left: SizeExpression; readonly right: SizeExpression }

/**
 * Reads 'past_sequence_length + 1', '2*s0', '(a - b) // 4': whole numbers and names, added, subtracted, multiplied, divided with '/' and, rounded down, with
 * '//'. Undefined for anything else. A name alone is itself.
 */
export function parseSize(text: string): SizeExpression | undefined {
  if (text.length > LONGEST) return undefined
  const tokens = text.match(/[A-Za-z_][\w.]*|\d{1,9}|\/\/|[-+*/()]|\S/g) ?? []
  let at = 0
  let depth = 0
  const sum = (): SizeExpression | undefined => chain(product, ['+', '-'])
  const product = (): SizeExpression | undefined => chain(one, ['*', '/', '//'])
  const expression = sum()
  return at === tokens.length ? expression : undefined

  function chain(part: () => SizeExpression | undefined, signs: readonly string[]): SizeExpression | undefined {
    let left = part()
    while (left !== undefined && signs.includes(tokens[at] ?? '')) {
      const op = tokens[at++]! as '+' | '-' | '*' | '/' | '//'
      const right = part()
      left = right === undefined ? undefined : { op, left, right }
    }
    return left
  }

  function one(): SizeExpression | undefined {
    const token = tokens[at++] ?? ''
    if (/^\d/.test(token)) return Number(token)
    if (/^[A-Za-z_]/.test(token)) return token
    if (token !== '(' || ++depth > DEEPEST) return undefined
    const inner = sum()
    depth--
    return tokens[at++] === ')' ? inner : undefined
  }
}

const LONGEST = 200
const DEEPEST = 50

/** Names in an expression, each once. */
export function symbolsIn(expression: SizeExpression): readonly string[] {
  if (typeof expression === 'number') return []
  if (typeof expression === 'string') return [expression]
  return [...new Set([...symbolsIn(expression.left), ...symbolsIn(expression.right)])]
}

/** Undefined where a name has no size, or no whole number that is not negative comes out. */
export function sizeOf(expression: SizeExpression, of: (symbol: string) => number | undefined): number | undefined {
  if (typeof expression === 'number') return expression
  if (typeof expression === 'string') return of(expression)
  const [left, right] = [sizeOf(expression.left, of), sizeOf(expression.right, of)]
  if (left === undefined || right === undefined) return undefined
  const size = { '+': left + right, '-': left - right, '*': left * right, '/': left / right, '//': Math.floor(left / right) }[
    expression.op
  ]
  return Number.isSafeInteger(size) && size >= 0 ? size : undefined
}
