import type { Loss, LossOptions } from '@pare/autograd'
import { type Batch, castElements, describe, type NdArray, numbersOf } from '@pare/evaluate'
import { PareError } from '@pare/onnx'

/** What a teacher's outputs are worth. */
export interface DistillWeights {
  /** Of the softmax on both sides. Default: 1 */
  readonly temperature?: number
  /** The teacher's share of the loss, the labels have the rest. Without labels it is 1. Default: 0.5 */
  readonly weight?: number
  /** Values inside both models that are to be alike: [in the teacher, in the model that is trained]. Default: none */
  readonly hidden?: readonly (readonly [teacher: string, student: string])[]
  /** Of the mean squared error of each of them. Default: 1 */
  readonly hiddenWeight?: number
  /** One hidden value after another instead of all at once: only what lies between two of them is trained, to give the second as the teacher does. Default: false */
  readonly blocks?: boolean
}

/** Only one value inside both models is compared: what leads to it is trained, block by block. */
export interface BlockLoss {
  readonly hidden: readonly [teacher: string, student: string]
}

/** The loss of a training: its parts, and what it was chosen by. */
export interface ChosenLoss {
  readonly kind: Loss
  /** Why, for people: 'the labels are whole numbers'. */
  readonly why: string
  readonly parts: readonly LossOptions[]
  /** What the teacher has to compute: input of the loss by value of the teacher. */
  readonly teacher: ReadonlyMap<string, string>
}

/** Inputs that the losses add to the model. */
export const TARGET = 'pare/target'
const TEACHER = 'pare/teacher'
export const IGNORED = -100

export interface LossQuestion {
  /** What the user says. Default: what model and data suggest. */
  readonly setting: Loss | undefined
  readonly output: string
  /** One batch of the data. */
  readonly sample: Batch
  readonly distill: DistillWeights | undefined
  readonly block?: BlockLoss | undefined
}

/**
 * What is minimised. Whole-numbered labels: cross-entropy; fractions: mean squared error; token ids without labels: the next token; a teacher without either: KL divergence from it. With a
 * teacher and labels, both. Throws PareError where there is nothing to learn from, or what was said does not go with the data.
 */
export function chooseLoss({ setting, output, sample, distill, block }: LossQuestion): ChosenLoss {
  if (block !== undefined) return blockLoss(block)
  const { kind, why } = kindOf(setting, sample, distill !== undefined)
  checkAgainst(kind, sample, distill)
  const { temperature = 1, weight = 0.5, hidden = [], hiddenWeight = 1 } = distill ?? {}
  const share = distill === undefined ? 0 : kind === 'kl' ? 1 : weight
  const teacher = new Map<string, string>()
  const parts: LossOptions[] = []
  if (kind !== 'kl' && share < 1) parts.push({ kind, output, target: TARGET, ignore: IGNORED, weight: 1 - share })
  if (share > 0) {
    parts.push({ kind: 'kl', output, target: TEACHER, temperature, weight: share })
    teacher.set(output, TEACHER)
  }
  for (const [theirs, own] of hidden) {
    const target = `${TEACHER}/${theirs}`
    parts.push({ kind: 'mse', output: own, target, weight: hiddenWeight })
    teacher.set(theirs, target)
  }
  return { kind, why, parts, teacher }
}

function blockLoss({ hidden: [theirs, own] }: BlockLoss): ChosenLoss {
  const target = `${TEACHER}/${theirs}`
  const parts = [{ kind: 'mse', output: own, target, weight: 1 }] as const
  return { kind: 'kl', why: 'it is distilled block by block', parts, teacher: new Map([[theirs, target]]) }
}

function kindOf(setting: Loss | undefined, { label, tokens }: Batch, hasTeacher: boolean): { kind: Loss; why: string } {
  if (setting !== undefined) return { kind: setting, why: 'as was said' }
  if (label !== undefined) {
    const isFloat = /^float/.test(label.type)
    return isFloat
      ? { kind: 'mse', why: 'the labels are fractions' }
      : { kind: 'cross-entropy', why: 'the labels are whole numbers' }
  }
  if (tokens !== undefined) return { kind: 'next-token', why: 'the data are text without labels' }
  if (hasTeacher) return { kind: 'kl', why: 'there is a teacher, and there are no labels' }
  throw new PareError('retrain: the training data have no labels, and there is no teacher: there is nothing to learn from.', {
    hint: 'name the array with the labels with label, or distil from the model before it was pruned.',
  })
}

function checkAgainst(kind: Loss, { label, tokens }: Batch, distill: DistillWeights | undefined): void {
  const needs = {
    'cross-entropy': label === undefined ? 'labels, and the data have none' : undefined,
    mse: label === undefined ? 'labels, and the data have none' : undefined,
    'next-token': tokens === undefined ? 'token ids, and the model has no input for them' : undefined,
    kl: undefined,
    output: undefined,
  } satisfies Record<Loss, string | undefined>
  if (kind === 'kl' && distill === undefined) throw noTeacher(kind)
  const missing = needs[kind]
  if (missing !== undefined) throw lossLacks(kind, missing)
  const isFloat = label !== undefined && /^float/.test(label.type)
  if (kind === 'cross-entropy' && isFloat)
    throw new PareError(
      `retrain: the loss 'cross-entropy' needs classes, and the labels are ${describe(label.type, label.shape)}.`,
      {
        hint: "say loss: 'mse', or number the classes from 0.",
      },
    )
}

/** A loss that is a distance from a teacher, of a training without one. */
export function noTeacher(kind: Loss): PareError {
  return lossLacks(kind, 'a teacher, and there is none')
}

function lossLacks(kind: Loss, missing: string): PareError {
  return new PareError(`retrain: the loss '${kind}' needs ${missing}.`, {
    hint: 'leave the loss out, and it is chosen by model and data; or give what it needs.',
  })
}

/** What the model's outputs are judged against, and how many judgements that are. */
export function targetOf(kind: Loss, batch: Batch): { target?: NdArray; count: number } {
  switch (kind) {
    case 'cross-entropy': {
      const label = batch.label!
      const data = castElements(label, 'int64', [0, label.data.length]) as BigInt64Array
      return {
        target: { type: 'int64', shape: label.shape, data },
        count: data.reduce((sum, id) => sum + Number(id !== -100n), 0),
      }
    }
    case 'next-token':
      return nextTokens(batch)
    case 'mse': {
      const label = batch.label!
      return { target: { type: 'float32', shape: label.shape, data: Float32Array.from(numbersOf(label)) }, count: batch.size }
    }
    case 'kl':
    case 'output':
      return { count: batch.size }
    default:
      return kind satisfies never
  }
}

/** Token ids, −100 where one is not to be predicted: behind it nothing else counts. */
function nextTokens({ inputs, tokens, scored }: Batch): { target: NdArray; count: number } {
  const ids = inputs[tokens!]!
  const seq = ids.shape[1]!
  const data = castElements(ids, 'int64', [0, ids.data.length]) as BigInt64Array
  const mask = scored === undefined ? undefined : numbersOf(scored)
  const attended = inputs.attention_mask && numbersOf(inputs.attention_mask)
  let count = 0
  for (let i = 0; i < data.length; i++) {
    const counts = mask ? mask[i] !== 0 : i % seq > 0 && (!attended || (attended[i] !== 0 && attended[i - 1] !== 0))
    if (!counts) data[i] = BigInt(IGNORED)
    else count++
  }
  return { target: { type: 'int64', shape: ids.shape, data }, count }
}

/** Throws PareError for the first label, or token, that is none of the classes. ONNX Runtime would read beyond its memory. */
export function checkClasses(
  kind: Loss,
  batch: Batch,
  { classes, numbers }: { classes: number; numbers: ArrayLike<number> },
): void {
  if (kind !== 'cross-entropy' && kind !== 'next-token') return
  const { target } = targetOf(kind, batch)
  const width = target!.data.length / batch.size
  const wrong = (target!.data as BigInt64Array).findIndex((id) => id !== BigInt(IGNORED) && !(id >= 0n && id < BigInt(classes)))
  if (wrong < 0) return
  const sample = numbers[Math.floor(wrong / width)]
  const what = kind === 'cross-entropy' ? 'label' : 'token'
  throw new PareError(
    `retrain: sample ${sample} has the ${what} ${target!.data[wrong]}, and the model's ${classes} classes are 0 to ${classes - 1}.`,
    {
      hint:
        kind === 'cross-entropy'
          ? 'number the classes from 0; −100 is a label that does not count.'
          : 'take the tokenizer that the model was made with.',
    },
  )
}
