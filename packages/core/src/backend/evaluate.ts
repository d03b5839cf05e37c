import type { Expression } from '../contract/contract.js'
import type { Arithmetic, Leaf } from './arithmetic.js'
import { elementary } from './elementary.js'

/** The value of an expression, or the code that works it out. */
export function evaluate<V>(expression: Expression, arithmetic: Arithmetic<V>, leaf: (leaf: Leaf) => V): V {
  const of = (inner: Expression) => evaluate(inner, arithmetic, leaf)
  switch (expression.op) {
    case 'weight':
    case 'statistic':
    case 'random':
      return leaf(expression)
    case 'constant':
      return arithmetic.constant(expression.value)
    case 'exp':
    case 'log':
    case 'tanh':
      return elementary(expression.op, arithmetic.share(of(expression.of)), arithmetic)
    case 'abs':
    case 'negate':
    case 'square':
    case 'sqrt':
      return arithmetic[expression.op](of(expression.of))
    default:
      return arithmetic[expression.op](of(expression.left), of(expression.right))
  }
}
