import { elementwise } from './broadcast.js'
import { HELD_BECAUSE, HELD_OF, MICROSOFT_OPERATORS, ONNX_OPERATORS } from './operators.js'
import { AXIS_RULES } from './rules.js'

/** What the dependency analysis makes of each operator, as the text of `docs/support.md`. */
export function supportTable(): string {
  const all = [...ONNX_OPERATORS, ...MICROSOFT_OPERATORS].map(supportOf)
  const count = (what: Support['what']) => all.filter((each) => each.what === what).length
  return `${HEAD}
${count('understood')} are understood, ${count('passes')} pass every axis on, ${count('held')} hold it.

## ai.onnx

${rows(ONNX_OPERATORS)}

## com.microsoft

${rows(MICROSOFT_OPERATORS)}
`
}

const HEAD = `# Operators that can be cut through

Written by \`npm run support -w @pare/axes\` from the table of rules; do not edit it.

Cutting channels, neurons, heads or the width of a network follows each axis from operator to operator. An operator that is *understood* says which
axes keep their positions and which it sums over. One that *passes* works element by element. One that *holds* an axis keeps every unit of it, and
whatever is tied to it is declined with the name of the node. That holds too where a shape does not follow from the model.
`

export interface Support {
  readonly what: 'understood' | 'passes' | 'held'
  /** Why it is held, or what of it. '' where there is nothing to say. */
  readonly note: string
}

export function supportOf(operator: string): Support {
  if (operator === 'Constant') return { what: 'understood', note: 'is the constant' }
  const rule = AXIS_RULES.get(operator)
  if (rule === undefined) return { what: 'held', note: HELD_BECAUSE.get(operator) ?? 'no rule yet' }
  return { what: rule === elementwise ? 'passes' : 'understood', note: HELD_OF.get(operator) ?? '' }
}

function rows(operators: readonly string[]): string {
  const lines = operators.map((operator) => {
    const { what, note } = supportOf(operator)
    return `| ${operator.replace('com.microsoft.', '')} | ${what} | ${note} |`
  })
  return ['| operator | axes | |', '|---|---|---|', ...lines].join('\n')
}
