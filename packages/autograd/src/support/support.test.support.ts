import { axisColumn, sizeColumn, weightColumn } from '@pare/axes'
import { type Column, MICROSOFT_OPERATORS, ONNX_OPERATORS, shapeColumn } from '@pare/onnx'
import { gradientColumn } from '../site/column.js'

export const COLUMNS: readonly Column[] = [shapeColumn, axisColumn, sizeColumn, gradientColumn, weightColumn]

/** What pare knows of each operator, as the text of `docs/support.md`. */
export function supportTable(): string {
  const count = (text: string) =>
    [...ONNX_OPERATORS, ...MICROSOFT_OPERATORS].filter((name) => axisColumn.cell(name)?.text === text)
  return `${HEAD}
Of ${ONNX_OPERATORS.length + MICROSOFT_OPERATORS.length} operators, ${count('understood').length} are understood, ${count('passes').length} pass every axis on, and ${count('held').length} hold it.

## ai.onnx

${rows(ONNX_OPERATORS)}

## com.microsoft

${rows(MICROSOFT_OPERATORS)}
`
}

const HEAD = `# What Pare knows of each operator

Written by \`npm run support\` from the tables of rules. Do not edit it.

A model may contain any operator: Pare keeps what it does not know as it is. This table says what can be pruned around each.

- **shape**: whether Pare can compute the shape of its outputs. Where it cannot, what depends on that shape is not cut.
- **axes**: what happens to channels, neurons, heads or the width of the network at this operator when you cut (\`--structure channel\`, for example).
  *understood*: Pare knows which axes stay in place and which are summed over. *passes*: it works on each element by itself, so any axis passes.
  *held*: units that reach it all stay, and \`pare inspect\` names the node.
- **sizes**: what happens to sizes that the operator states itself, such as the target of a Reshape. *written anew*: Pare changes them with the cut.
  *follow*: there are none, or they follow from its inputs.
- **gradient**: whether retraining and criteria that need gradients can pass it. *yes*, *no*, or *none*: its
  outputs change in steps or not at all, so the gradient is zero.
- **weights**: whether it multiplies with a weight that is pruned. *if named*: only if you name it with \`--include\`.
`

function rows(operators: readonly string[]): string {
  const lines = operators.map((operator) => {
    const cells = COLUMNS.map((column) => ({ title: column.title, ...column.cell(operator)! }))
    return `| ${operator.replace('com.microsoft.', '')} | ${cells.map(({ text }) => text).join(' | ')} | ${notesOf(cells)} |`
  })
  const titles = ['operator', ...COLUMNS.map(({ title }) => title), 'notes']
  return [`| ${titles.join(' | ')} |`, `|${'---|'.repeat(titles.length)}`, ...lines].join('\n')
}

/** The same note of several columns is said once. */
function notesOf(cells: readonly { readonly title: string; readonly note: string }[]): string {
  const titles = new Map<string, string[]>()
  for (const { title, note } of cells) if (note !== '') titles.set(note, [...(titles.get(note) ?? []), title])
  return [...titles].map(([note, of]) => `${of.join(', ')}: ${note}`).join('. ')
}
