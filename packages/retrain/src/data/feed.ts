import type { Loss } from '@pare/autograd'
import { describe, type NdArray, type Samples, sizeOf } from '@pare/evaluate'
import { type Model, PareError, present, type ValueInfo } from '@pare/onnx'
import { type ChosenLoss, checkClasses, TARGET, targetOf } from '../losses.js'
import type { Passes } from '../passes.js'
import type { JudgedBatch } from './held-out.js'
import type { DrawnBatch, SampleSource } from './samples.js'
import { remembering, type Teacher } from './teacher.js'
import type { TrainingData } from './training-data.js'

/** Batches with what their losses compare with. */
export interface Feed {
  /** Batch number `index`, from 0 on. */
  draw(index: number): Promise<JudgedBatch>
  heldOut(): AsyncIterable<JudgedBatch>
}

export interface FeedOptions {
  readonly source: SampleSource
  readonly batch: number
  /** Whether the model takes no smaller batch: then what does not fill one is not looked at. */
  readonly fixed: boolean
  readonly loss: ChosenLoss
  readonly teacher: Teacher | undefined
  /** Whether a teacher's answers can be told apart by sample, and so be remembered. */
  readonly splits: boolean
}

export function openFeed({ source, batch: size, fixed, loss, teacher, splits }: FeedOptions): Feed {
  const remembered = teacher && (source.isFixed && splits ? remembering(teacher) : teacher)
  const fed = async ({ batch, numbers }: DrawnBatch): Promise<JudgedBatch> => {
    const { target, count } = targetOf(loss.kind, batch)
    const taught = remembered === undefined ? {} : await remembered.ask(batch, numbers)
    const counted = loss.parts[0]!.kind === 'kl' ? batch.size : count
    return { batch, count: counted, targets: { ...present({ [TARGET]: target }), ...taught } }
  }
  return {
    draw: (index) => fed(source.at(index * size, size)),
    async *heldOut() {
      for (const draw of source.heldOut(size)) if (!fixed || draw.batch.size === size) yield await fed(draw)
    },
  }
}

/** Throws PareError for labels that cannot be those of the output, as far as its shape is declared: with both shapes, or with the sample. */
export function checkDeclared({ graph }: Model, { loss, data }: { loss: ChosenLoss; data: TrainingData }): void {
  const { samples, output } = data
  const declared = graph.outputs.find(({ name }) => name === output)
  if (declared?.shape === undefined) return
  const { kind } = loss
  const label = samples.pick([0]).label
  if (label !== undefined && (kind === 'cross-entropy' || kind === 'mse')) {
    const dims = kind === 'mse' ? declared.shape : declared.shape.slice(0, -1)
    // Sizes that are not declared may be anything.
    const sizes = dims.slice(1).filter((dim) => typeof dim === 'number')
    const own = sizeOf(label.shape.slice(1))
    const fits = sizes.length < dims.length - 1 ? own % sizeOf(sizes) === 0 : own === sizeOf(sizes)
    if (!fits) throw noFit({ ...label, shape: [samples.samples, ...label.shape.slice(1)] }, declared)
  }
  const classes = declared.shape.at(-1)
  if (typeof classes === 'number') checkAll(kind, samples, classes)
}

/**
 * Looks at what the model gives for a first batch, and checks that all labels are among its classes. Gives the output whose scores say how many samples are right, where it has such.
 * Throws PareError that names the sample.
 */
export async function checkLabels(
  passes: Passes,
  first: JudgedBatch,
  { loss: { kind }, data: { samples, output } }: { loss: ChosenLoss; data: TrainingData },
): Promise<string | undefined> {
  if (kind === 'kl' || kind === 'output') return undefined
  const { output: answer } = await passes.judge(withoutLabels(first), output)
  const { shape } = answer!
  checkAll(kind, samples, shape.at(-1)!)
  return kind === 'cross-entropy' && shape.length === 2 ? output : undefined
}

const READ_AT_ONCE = 1024

function checkAll(kind: Loss, samples: Samples, classes: number): void {
  for (let from = 0; from < samples.samples; from += READ_AT_ONCE) {
    const numbers = Uint32Array.from({ length: Math.min(READ_AT_ONCE, samples.samples - from) }, (_, i) => from + i)
    checkClasses(kind, samples.pick(numbers), { classes, numbers })
  }
}

function noFit(label: NdArray, { name, type = 'float32', shape = [] }: ValueInfo): PareError {
  return new PareError(
    `retrain: the labels are ${describe(label.type, label.shape)}, and output '${name}' is ${describe(type, shape)}.`,
    {
      hint: 'classes need an output with one more axis, fractions one of the same shape: name another output or another array, or another loss.',
    },
  )
}

/** Class 0 everywhere: labels that are no class must not reach ONNX Runtime. */
function withoutLabels(fed: JudgedBatch): JudgedBatch {
  const label = fed.targets[TARGET]
  if (label?.type !== 'int64') return fed
  const zeros: NdArray = { ...label, data: new BigInt64Array(label.data.length) }
  return { ...fed, targets: { ...fed.targets, [TARGET]: zeros } }
}
