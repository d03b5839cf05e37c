import { isDistribution, negativeLogLikelihood, type Scale } from '@pare/metric'
import { PareError } from '@pare/onnx'
import type { Batch } from '../../data/dataset.js'
import type { NdArray } from '../../data/ndarray.js'
import type { ChoiceQuestion } from '../../data/questions/question.js'
import type { Session } from '../../process/runtime.js'
import { refuseLookingAhead } from './causal.js'
import { runDecoder, takesMask } from './decode.js'
import { MOST_BYTES, runRows, scoresAt } from './token-rows.js'

/** How questions are put to a model. */
export interface AskingPlace {
  /** Name of the output with the scores. */
  readonly output: string
  /** Rows that run at once, and whether the model fixes that. */
  readonly atOnce: { readonly size: number; readonly fixed: boolean }
}

/**
 * Log-probabilities of the choices of each question, f64[questions, most choices], −Infinity where there are fewer: Σ log p(token | tokens before it) over the tokens of a choice.
 * Choices that differ in their last token alone are one row, since that token is not run. Memory is that of one run: rows × longest × vocabulary, of which only the places that count are looked at.
 */
export async function likelihoodsOf(session: Session, batch: Batch, { output, atOnce }: AskingPlace): Promise<NdArray> {
  const questions = batch.questions!
  const rows = rowsOf(questions)
  const place = { output, first: batch.first, fixed: atOnce.fixed ? atOnce.size : undefined }
  const { pair } = session
  if (batch.first === 0 && pair === undefined) await refuseLookingAhead(session, { ...place, row: rows.at(-1)!.ids })
  const most = pair === undefined || takesMask(pair) ? atOnce.size : 1
  const width = Math.max(...questions.map(({ choices }) => choices.length))
  const data = new Float64Array(questions.length * width).fill(Number.NEGATIVE_INFINITY)
  let vocabulary = vocabularyOf(session, output)
  for (let at = 0; at < rows.length; ) {
    const run = rows.slice(at, at + rowsAtOnce(rows, at, { vocabulary, most }))
    const request = { ...place, rows: run.map(({ ids }) => ids) }
    const scores =
      pair === undefined
        ? await runRows(session, request)
        : await runDecoder(pair, { ...request, texts: run.map(({ source }) => source!) })
    vocabulary = scores.shape[2]!
    // What holds the probabilities themselves has a softmax at its end.
    const scale = isDistribution(scoresAt(scores, 0, 0)) ? 'probabilities' : 'logits'
    for (const [row, { asked }] of run.entries())
      for (const { question, choice } of asked)
        data[question * width + choice] = likelihoodOf(scores, row, {
          ...questions[question]!.choices[choice]!,
          scale,
          sample: batch.first + question,
        })
    at += run.length
  }
  return { type: 'float64', shape: [questions.length, width], data }
}

/** A row that is run, and the choices whose likelihood it tells. */
interface ChoiceRun {
  /** What the encoder reads, where there is one. */
  readonly source: readonly number[] | undefined
  readonly ids: readonly number[]
  readonly asked: { readonly question: number; readonly choice: number }[]
}

/** The rows of some questions, the shortest first: rows that run together are of about one length. */
function rowsOf(questions: readonly ChoiceQuestion[]): readonly ChoiceRun[] {
  const rows = new Map<string, ChoiceRun>()
  for (const [question, { choices }] of questions.entries()) {
    for (const [choice, { ids, source }] of choices.entries()) {
      const own = ids.slice(0, -1)
      const key = `${source?.join() ?? ''} ${own.join()}`
      const row = rows.get(key) ?? { source, ids: own, asked: [] }
      row.asked.push({ question, choice })
      rows.set(key, row)
    }
  }
  return [...rows.values()].sort((a, b) => a.ids.length - b.ids.length)
}

/** As many of the rows from `at` on as the scores of a run have room for; one where the size of the vocabulary is not known. */
function rowsAtOnce(
  rows: readonly ChoiceRun[],
  at: number,
  { vocabulary, most }: { readonly vocabulary: number | undefined; readonly most: number },
): number {
  if (vocabulary === undefined) return 1
  let count = 1
  while (count < most && at + count < rows.length) {
    if ((count + 1) * rows[at + count]!.ids.length * vocabulary * Float32Array.BYTES_PER_ELEMENT > MOST_BYTES) break
    count++
  }
  return count
}

function vocabularyOf({ outputs }: Session, output: string): number | undefined {
  const size = outputs.find(({ name }) => name === output)?.shape[2]
  return typeof size === 'number' ? size : undefined
}

function likelihoodOf(
  scores: NdArray,
  row: number,
  {
    ids,
    from,
    scale,
    sample,
  }: { readonly ids: readonly number[]; readonly from: number; readonly scale: Scale; readonly sample: number },
): number {
  const vocabulary = scores.shape[2]!
  let sum = 0
  for (let at = from; at < ids.length; at++) {
    const token = ids[at]!
    if (!(token < vocabulary)) {
      throw new PareError(`token ${token} of sample ${sample} is outside the vocabulary of ${vocabulary}.`, {
        hint: "take the model's own tokenizer.",
      })
    }
    sum -= negativeLogLikelihood(scoresAt(scores, row, at - 1), token, scale)
  }
  return sum
}
