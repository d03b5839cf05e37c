import { type Batch, describe, type NdArray, sizeOf } from '@pare/evaluate'
import { PareError } from '@pare/onnx'
import type { Counted } from './held-out.js'
import { type ChosenLoss, checkClasses, TARGET, targetOf } from './losses.js'
import type { Passes } from './passes.js'
import type { Source } from './samples.js'
import type { Teacher } from './teacher.js'
import type { TrainingData } from './training-data.js'

/** Batches with what their losses compare with. */
export interface Feed {
  /** Batch number `index`, from 0 on. */
  draw(index: number): Promise<Counted>
  heldOut(): AsyncIterable<Counted>
}

export interface FeedOptions {
  readonly source: Source
  readonly batch: number
  /** Whether the model takes no smaller batch: then what does not fill one is not looked at. */
  readonly fixed: boolean
  readonly chosen: ChosenLoss
  readonly teacher: Teacher | undefined
}

export function openFeed({ source, batch: size, fixed, chosen, teacher }: FeedOptions): Feed {
  const fed = async (batch: Batch): Promise<Counted> => {
    const { target, count } = targetOf(chosen.kind, batch)
    const taught = teacher === undefined ? {} : await teacher.ask(batch)
    const counted = chosen.parts[0]!.kind === 'kl' ? batch.size : count
    return { batch, count: counted, targets: { ...(target && { [TARGET]: target }), ...taught } }
  }
  return {
    draw: (index) => fed(source.at(index * size, size).batch),
    async *heldOut() {
      for (const { batch } of source.heldOut(size)) if (!fixed || batch.size === size) yield await fed(batch)
    },
  }
}

/**
 * Looks at what the model gives for a first batch, and checks that labels go with it, all of them. Gives the output whose scores say how many samples are right, where it has such.
 * Throws PareError that names the sample, or both shapes.
 */
export async function checkLabels(
  passes: Passes,
  first: Counted,
  { chosen, data: { samples, output } }: { chosen: ChosenLoss; data: TrainingData },
): Promise<string | undefined> {
  const { kind } = chosen
  if (kind === 'kl' || kind === 'output') return undefined
  const { output: found } = await passes.judge(withoutLabels(first), output)
  const { shape } = found!
  const label = first.targets[TARGET]!
  if (!fits(kind, shape, label)) throw noFit(output, found!, label)
  const classes = shape.at(-1)!
  for (let from = 0; from < samples.samples; from += READ_AT_ONCE) {
    const numbers = Uint32Array.from({ length: Math.min(READ_AT_ONCE, samples.samples - from) }, (_, i) => from + i)
    checkClasses(kind, samples.pick(numbers), { classes, numbers })
  }
  return kind === 'cross-entropy' && shape.length === 2 ? output : undefined
}

const READ_AT_ONCE = 1024

/** Class 0 everywhere: labels that are no class must not reach ONNX Runtime. Token ids would not fit the model's own table either. */
function withoutLabels(fed: Counted): Counted {
  const label = fed.targets[TARGET]
  if (label?.type !== 'int64') return fed
  const zeros: NdArray = { ...label, data: new BigInt64Array(label.data.length) }
  return { ...fed, targets: { ...fed.targets, [TARGET]: zeros } }
}

function fits(kind: 'cross-entropy' | 'next-token' | 'mse', shape: readonly number[], label: NdArray): boolean {
  if (kind === 'mse') return sizeOf(shape) === label.data.length && String(squeezed(shape)) === String(squeezed(label.shape))
  return shape.length === label.shape.length + 1 && shape.slice(0, -1).every((size, axis) => size === label.shape[axis])
}

/** Without axes of 1 at the end. */
function squeezed(shape: readonly number[]): readonly number[] {
  return shape.at(-1) === 1 ? squeezed(shape.slice(0, -1)) : shape
}

function noFit(name: string, output: NdArray, label: NdArray): PareError {
  return new PareError(`retrain: the labels are ${describe(label.type, label.shape)}, and output '${name}' is ${describe(output.type, output.shape)}.`, {
    hint: 'classes need an output with one more axis, fractions one of the same shape: name another output or another array, or another loss.',
  })
}
