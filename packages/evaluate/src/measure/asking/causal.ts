import { PareError } from '@pare/onnx'
import type { NdArray } from '../../data/ndarray.js'
import type { Session } from '../../process/runtime.js'
import { runRows, scoresAt, type TokenRows } from './token-rows.js'

/** How far scores of earlier tokens may change with a later one, beside its own: rounding to 8 bits over a whole row shifts them a little. */
const TOLERANCE = 0.05

/**
 * Throws PareError where a model looks ahead, as BERT does: what it gives after a token then depends on what comes later, and is no likelihood of the text. One row is run twice, with
 * another last token.
 */
export async function refuseLookingAhead(
  session: Session,
  { row, ...place }: Omit<TokenRows, 'rows'> & { readonly row: readonly number[] },
): Promise<void> {
  if (row.length < 2) return
  const last = row.length - 1
  const other = [...row.slice(0, last), row[last] === row[0] ? otherThan(row) : row[0]!]
  const one = await runRows(session, { ...place, rows: [row] })
  const two = await runRows(session, { ...place, rows: [other] })
  const own = change(one, two, last)
  const before = Math.max(...Array.from({ length: last }, (_, at) => change(one, two, at)))
  if (!(before > TOLERANCE * own)) return
  throw new PareError(
    `${session.name}: what the model gives after a token depends on tokens that come later, as of BERT: it cannot say how likely a text is, nor write one.`,
    { hint: 'such models are judged by what they were trained for: accuracy or f1 on labels, recall-at-1 on embeddings.' },
  )
}

/** The largest difference of the scores after a token. */
function change(one: NdArray, two: NdArray, at: number): number {
  const [a, b] = [scoresAt(one, 0, at), scoresAt(two, 0, at)]
  let most = 0
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!)
    if (difference > most) most = difference
  }
  return most
}

/** A token that the row does not end with, and that every vocabulary has. */
function otherThan(row: readonly number[]): number {
  return row.at(-1) === 0 ? 1 : 0
}
