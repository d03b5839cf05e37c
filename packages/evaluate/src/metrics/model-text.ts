import { type ReadableSample, sampleOf } from '@pare/metric'
import { present } from '@pare/onnx'
import { describe, isInteger, type NdArray, numbersOf } from '../data/ndarray.js'
import type { NeededOutcome } from './outcome.js'
import { isText, textsOf } from './texts.js'

/** What keeps the output from being compared as text: neither it nor the labels may be anything but text, or token ids that a tokenizer can read. */
export function textProblems({ batch, name, output, context }: NeededOutcome): string[] {
  const { label } = batch
  if (label === undefined) return ['the data have no labels: the text that is expected.']
  const problems = [problemOf(`output '${name}'`, output, context.decode), problemOf('the label', label, context.decode)]
  return problems.filter((problem) => problem !== undefined)
}

function problemOf(what: string, array: NdArray, decode: unknown): string | undefined {
  const own = `${what} is ${describe(array.type, array.shape)}`
  if (isText(array)) return undefined
  if (!isInteger(array.type)) return `${own}, expected text, or token ids.`
  return decode === undefined ? `${own}, and token ids are read with a tokenizer: name it.` : undefined
}

/** Samples of text: what the model wrote, and what is expected, several ways where the labels have an axis for them. */
export function readWritten(outcome: NeededOutcome): ReadableSample[] {
  const { batch, output } = outcome
  const [answers, expected] = [linesOf(output, outcome), linesOf(batch.label!, outcome)]
  const prompts = batch.strings?.question?.data
  return Array.from({ length: batch.size }, (_, i) => {
    const written = batch.prompts === undefined ? answers[i]!.join(' ') : answers[i]![0]!
    const draws = batch.prompts === undefined || answers[i]!.length === 1 ? undefined : answers[i]
    const prompt = prompts?.[i]
    const text = { answer: written.trim(), written, expected: expected[i]!, ...present({ prompt, draws }) }
    const sample = sampleOf({ rows: [], places: 1, isSingle: true, text })
    return { read: ({ scale, isMany }) => (scale === 'logits' && !isMany ? sample : undefined) }
  })
}

/** The texts of each sample. */
function linesOf(array: NdArray, { context, batch }: NeededOutcome): string[][] {
  if (!isText(array)) {
    const ids = numbersOf(array)
    const width = ids.length / array.shape[0]!
    return Array.from({ length: batch.size }, (_, i) => {
      // Where a label is filled up, it is with −100.
      const own = [...ids.subarray(i * width, (i + 1) * width)].filter((id) => id >= 0)
      return [context.decode!(own)]
    })
  }
  const texts = textsOf(array)
  const width = texts.length / array.shape[0]!
  return Array.from({ length: batch.size }, (_, i) => texts.slice(i * width, (i + 1) * width))
}
