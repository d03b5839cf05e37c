import { candidateCells, type ModelResult, smallestSentences, tellingCandidates } from '@pare/report'
import { renderTable } from '../terminal/table.js'

/** How the smallest model was found, and the candidates that tell most. */
export function smallestLines(model: Pick<ModelResult, 'smallest' | 'data'>, columns: number): string[] {
  const { smallest } = model
  if (smallest === undefined) return []
  const rows = tellingCandidates(smallest).map((one) => candidateCells(one, smallest).map(plainSpaces))
  const head = ['candidate', 'zipped', smallest.metric, 'drop (95 % interval)', '']
  const table = rows.length === 0 ? [] : renderTable(head, rows, { columns: columns - 2 }).split('\n')
  return [...smallestSentences(model), ...table].map((line) => `  ${line}`)
}

/** No line of a terminal is broken between a number and its unit. */
export const plainSpaces = (text: string) => text.replaceAll('\u00a0', ' ')
