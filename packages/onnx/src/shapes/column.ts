import { type Column, columnOf } from '../graph/column.js'
import { operatorsWithRule } from './rules/rules.js'

const LATER = 'no rule yet'

/** Whether the shapes of an operator's outputs follow from those of its inputs. */
export const shapeColumn: Column = columnOf({
  title: 'shape',
  rules: new Map(operatorsWithRule().map((name) => [name, 'yes'])),
  none: 'no',
  because: {
    ...{ unruled: LATER, random: LATER, global: LATER, recurrent: LATER, quantized: LATER, experts: LATER },
    generating: 'how much it makes depends on its numbers',
    nesting: 'its graphs are not followed',
    container: 'not a tensor',
    text: 'text, files or tokens',
  },
  notYet: new Set(),
})
