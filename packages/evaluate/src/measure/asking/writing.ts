import type { Metric } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { MAX_TOKENS } from '../../data/questions/question.js'
import { endTokens } from '../../data/text/end-tokens.js'
import type { ReadingContext } from '../../metrics/outcome.js'
import type { EvaluateRequest } from '../../process/request.js'

/** How answers are written, with what tokenizer and configs say. */
export interface Writing {
  /** Tokens of an answer at most. */
  readonly maxTokens: number
  readonly temperature?: number
  readonly topP?: number
  /** How many answers are drawn to each prompt. Default: 1 */
  readonly draws?: number
  /** Texts at which an answer ends. */
  readonly stop: readonly string[]
  /** Tokens that end a text. */
  readonly ends: ReadonlySet<number>
  decode(ids: readonly number[]): string
}

/** Throws PareError without a tokenizer. */
export async function writingOf(
  { text, writing = {}, trusted = false }: Pick<EvaluateRequest, 'text' | 'writing' | 'trusted'>,
  { decode }: Pick<ReadingContext, 'decode'>,
  metrics: readonly Metric[],
): Promise<Writing> {
  if (text === undefined || decode === undefined)
    throw new PareError('answers are text, but no tokenizer is named.', {
      hint: 'name a tokenizer.json with the tokenizer option.',
    })
  const { maxTokens = MAX_TOKENS, stop = [], ...drawing } = writing
  const draws = Math.max(1, ...metrics.map(({ needs }) => needs.draws ?? 1))
  const drawer = metrics.find(({ needs }) => (needs.draws ?? 1) > 1)
  if (drawer !== undefined && (drawing.temperature ?? 0) === 0)
    throw new PareError(
      `evaluation: metric '${drawer.name}' draws ${draws} answers to each prompt, and without a temperature all are alike.`,
      {
        hint: 'name a temperature: --temperature 0.8.',
      },
    )
  return { ...drawing, draws, maxTokens, stop, ends: await endTokens(text.tokenizer, { trusted }), decode }
}

/** The text of an answer so far, up to what stops it, and whether it is over. */
export function readAnswer(
  ids: readonly number[],
  { stop, decode }: Pick<Writing, 'stop' | 'decode'>,
): { readonly text: string; readonly isOver: boolean } {
  const text = decode(ids)
  const places = stop.map((each) => text.indexOf(each)).filter((at) => at >= 0)
  return places.length === 0 ? { text, isOver: false } : { text: text.slice(0, Math.min(...places)), isOver: true }
}
