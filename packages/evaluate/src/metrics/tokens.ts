import { type MetricSample, type Numbers, type ReadableSample, readableSample, sampleOf } from '@pare/metric'
import { describe, numbersOf } from '../data/ndarray.js'
import type { NeededOutcome } from './outcome.js'
import { scoredTokens } from './scored.js'

/** What keeps the output from being scores of the next token. */
export function tokenProblems({ batch, name, output }: NeededOutcome): string[] {
  const ids = batch.tokens === undefined ? undefined : batch.inputs[batch.tokens]
  if (!ids) return ['the model has no input for token ids, input_ids for example.']
  const [, seq, vocabulary] = output.shape
  if (vocabulary === undefined || output.shape.length !== 3 || seq !== ids.shape[1]) {
    return [`output '${name}' is ${describe(output.type, output.shape)}, expected [samples, ${ids.shape[1]}, vocabulary].`]
  }
  const tokens = numbersOf(ids)
  const wrong = tokens.findIndex((token) => !(token >= 0 && token < vocabulary))
  return wrong < 0
    ? []
    : [`token ${tokens[wrong]} in sample ${batch.first + Math.floor(wrong / seq!)} is outside the vocabulary of ${vocabulary}.`]
}

/** Samples of token ids with scores over the vocabulary after each. */
export function readTokens({ batch, output, context }: NeededOutcome): ReadableSample[] {
  const ids = batch.inputs[batch.tokens!]!
  const [seq, vocabulary] = [output.shape[1]!, output.shape[2]!]
  const [tokens, scored, scores] = [numbersOf(ids), scoredTokens(batch, ids), numbersOf(output)]
  return Array.from({ length: batch.size }, (_, i) => {
    const part = (values: Numbers, width: number) => values.subarray(i * width, (i + 1) * width)
    const own = part(scores, seq * vocabulary)
    const mine = part(tokens, seq)
    const bytes = context.bytesOf && Float64Array.from(mine, context.bytesOf)
    const sample: MetricSample = sampleOf({
      rows: Array.from({ length: seq }, (_, at) => own.subarray(at * vocabulary, (at + 1) * vocabulary)),
      answers: NONE,
      ...{ tokens: mine, scored: part(scored, seq), shape: [seq, vocabulary] },
      ...(bytes && { bytes }),
    })
    return readableSample(sample)
  })
}

const NONE: Numbers = new Float64Array()
