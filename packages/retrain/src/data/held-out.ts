import type { Loss } from '@pare/autograd'
import { findMetric, judgeBatch, type NdArray, startTally } from '@pare/evaluate'
import { present } from '@pare/onnx'
import type { FedBatch, Passes } from '../passes.js'

/** What a model is worth on training data that it was not trained on. */
export interface HeldOut {
  readonly loss: number
  /** Of accuracy, perplexity, mse or kl, whatever goes with the loss. */
  readonly metric?: { readonly name: string; readonly value: number }
}

/** A batch and how many judgements its loss is the mean of. */
export interface JudgedBatch extends FedBatch {
  readonly count: number
}

export interface HeldOutOptions {
  /** The first part of the loss. */
  readonly kind: Loss
  /** Output with scores of classes that the labels name. Undefined: the labels are none. */
  readonly scores: string | undefined
}

/** The loss over held-out batches, each judgement counted once. Undefined where there are none. */
export async function heldOutLoss(
  passes: Passes,
  batches: AsyncIterable<JudgedBatch>,
  { kind, scores }: HeldOutOptions,
): Promise<HeldOut | undefined> {
  let total = 0
  let first = 0
  let count = 0
  let tally: ReturnType<typeof startTally> | undefined
  let holds = true
  for await (const fed of batches) {
    const judged = await passes.judge(fed, scores)
    total += judged.loss * fed.count
    first += judged.parts[0]! * fed.count
    count += fed.count
    if (scores !== undefined && judged.output !== undefined && isScores(judged.output)) {
      const accuracy = await findMetric('accuracy')
      tally ??= startTally(accuracy)
      const [samples] = judgeBatch({ batch: fed.batch, name: scores, output: judged.output }, [accuracy])
      for (const sample of samples!) holds &&= tally.add(sample)
    }
  }
  if (count === 0) return undefined
  const metric = holds ? metricOf(kind, first / count, tally?.measurement().value) : undefined
  return { loss: total / count, ...present({ metric }) }
}

function metricOf(kind: Loss, part: number, accuracy: number | undefined): HeldOut['metric'] {
  if (accuracy !== undefined) return { name: 'accuracy', value: accuracy }
  switch (kind) {
    case 'next-token':
      return { name: 'perplexity', value: Math.exp(part) }
    case 'mse':
    case 'kl':
      return { name: kind, value: part }
    case 'cross-entropy':
    case 'output':
      return undefined
    default:
      return kind satisfies never
  }
}

/** Scores of classes, one row for each sample. */
function isScores({ shape }: NdArray): boolean {
  return shape.length === 2 && shape[1]! > 1
}
