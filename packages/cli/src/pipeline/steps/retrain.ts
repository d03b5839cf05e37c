import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import {
  countZeros,
  type MaskedWeight,
  type MaskStep,
  needsFloats,
  noBits,
  type PlanStep,
  packBits,
  setBit,
  type UpdateStep,
  weightsOf,
} from '@pare/core'
import { figure, formatCount } from '@pare/gate'
import { bytesOf, type DataType, type Model, makePayload, present, withTensors } from '@pare/onnx'
import type { CurvePoint, HeldOut, Loss, Recipe, RetrainResult, TrainEnd } from '@pare/retrain'
import { asRun } from '../../engine/data-inputs.js'
import { loaderFor, trainerOf, type Work } from '../../engine/work.js'
import type { RetrainConfig } from '../../options/recover.js'
import { widen } from '../../proof/widen.js'
import type { TrainingSource } from '../../settings/data/training.js'
import { distillWeights, loraOf } from '../../settings/recover.js'
import { short } from '../facts/search.js'

/** How one training went. */
export interface TrainingFacts {
  readonly loss: Loss
  /** Why that one. */
  readonly why: string
  readonly distilled: boolean
  readonly optimizer: string
  readonly learningRate: number
  readonly batch: number
  /** Done, and where the weights come from. */
  readonly steps: number
  readonly bestStep: number
  /** Median. */
  readonly msPerStep: number
  readonly ended: TrainEnd
  readonly samples: RetrainResult['samples']
  /** On held-out samples, before and at best. */
  readonly before?: HeldOut
  readonly after?: HeldOut
  readonly curve: readonly CurvePoint[]
  /** Of the process that trained. */
  readonly peakMemoryBytes: number
  readonly notes: readonly string[]
}

export interface RetrainJob {
  readonly reference: Model
  readonly pruned: Model
  readonly training: TrainingSource
  readonly retrain: RetrainConfig
  readonly seed: number
  /** Share of the parameters that is gone. */
  readonly removed: number
  /** Where the training stands is written here; it goes on from it. */
  readonly state: string
  /** ', step 2 of 5'. */
  readonly stage: string
}

/** Retrains a pruned model: the steps that are appended to the plan, and how it went. Throws the signal's reason once it has stopped. */
export async function retrainModel(
  job: RetrainJob,
  { signal, progress, label, engine }: Work,
): Promise<{ steps: readonly PlanStep[]; facts: TrainingFacts }> {
  const { reference, pruned, training, seed, removed, state } = job
  const { distill: _, lora: __, ...recipe } = job.retrain
  const [distill, lora] = [distillWeights(job.retrain), loraOf(job.retrain)]
  for (const { id, quantised } of weightsOf(pruned))
    if (quantised !== undefined) throw needsFloats(`retraining cannot change '${id}'`, quantised)
  const { retrain } = await import('@pare/retrain')
  await mkdir(dirname(state), { recursive: true })
  const activity = progress.begin(`${label}: retraining${job.stage}`)
  try {
    const trained = await retrain(
      widen(await asRun(pruned, [training.data])),
      {
        ...{ ...training, ...recipe, ...present({ lora }), seed, removed, state },
        ...(distill && { distill: { ...distill, teacher: widen(await asRun(reference, [training.data])) } }),
      },
      {
        ...trainerOf(engine),
        signal,
        onProgress: ({ step, steps, loss, learningRate, msPerStep, heldOut }) => {
          const heldOutText =
            heldOut?.metric === undefined ? '' : `, held out ${heldOut.metric.name} ${figure(heldOut.metric.value)}`
          const message = `step ${step} of ${steps}, loss ${short(loss)}, learning rate ${short(learningRate)}, ${short(msPerStep)} ms a step${heldOutText}`
          activity.update(step, steps, message)
        },
        ...loaderFor([training.data]),
      },
    )
    if (trained.ended === 'stopped') {
      progress.note(`${label}: retraining stopped after step ${trained.steps}; the same command goes on from there`)
      signal.throwIfAborted()
    }
    const facts = factsOfTraining(trained, distill !== undefined)
    const masks = recipe.movement?.sparsity === undefined ? [] : [await movedMask(trained, recipe.movement.sparsity, pruned)]
    return { steps: [...masks, updateOf(trained, facts, pruned)], facts }
  } finally {
    activity.end()
  }
}

function factsOfTraining(trained: RetrainResult, distilled: boolean): TrainingFacts {
  const { loss, recipe, steps, best, msPerStep, ended, samples, start, curve, peakMemoryBytes } = trained
  return {
    ...{ loss: loss.kind, why: loss.why, distilled, optimizer: recipe.optimizer.name, learningRate: recipe.learningRate },
    ...{ batch: recipe.batch * recipe.accumulate, steps, bestStep: best.step, msPerStep, ended, samples, curve, peakMemoryBytes },
    ...present({ before: start, after: best.heldOut }),
    notes: notesOf(trained, recipe),
  }
}

function notesOf(
  { ended, reason, best, frozen, steps, start, resumedAt, lora }: RetrainResult,
  { steps: total }: Recipe,
): string[] {
  const [first] = frozen
  return [
    ...(lora === undefined
      ? []
      : [
          `LoRA of rank ${lora.rank} (alpha ${lora.alpha}) on ${lora.weights} weights: ${formatCount(lora.trained)} numbers were trained instead of ${formatCount(lora.elements)}`,
        ]),
    ...(resumedAt === undefined || resumedAt === steps ? [] : [`retraining went on from step ${resumedAt}`]),
    ...(ended === 'diverged'
      ? [`retraining ended at step ${steps} of ${total}: ${reason}. The best weights before that are kept`]
      : []),
    ...(start !== undefined && best.step === 0
      ? ['retraining did not help: the loss on held-out samples was lowest before it']
      : []),
    ...(first === undefined
      ? []
      : [
          `${formatCount(frozen.size)} ${frozen.size === 1 ? 'tensor was' : 'tensors were'} not trained: '${first[0]}', since ${first[1]}`,
        ]),
  ]
}

/** Halves are trained as f32, and what comes out is rounded to halves again. */
function updateOf({ tensors }: RetrainResult, facts: TrainingFacts, pruned: Model): UpdateStep {
  const { loss, why, optimizer, steps, learningRate, notes } = facts
  const types = new Map<string, DataType>()
  withTensors(pruned, (tensor, id) => {
    types.set(id, tensor.type)
    return tensor
  })
  return {
    kind: 'update',
    by: 'retrain',
    tensors: tensors.map(({ id, shape, values, of, readers }) => {
      const type = types.get(of ?? id) ?? 'float32'
      const bytes = bytesOf(type, values)
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      return { id, type, shape, ...present({ readers }), sha256, data: makePayload(bytes) }
    }),
    notes: [`${loss}, since ${why}; ${steps} steps of ${optimizer}, learning rate ${learningRate}`, ...notes],
  }
}

/** What movement pruning masked, so that all that reports sparsity sees it. */
async function movedMask({ tensors, scores }: RetrainResult, sparsity: number, pruned: Model): Promise<MaskStep> {
  const before = new Map(weightsOf(pruned).map(({ id, tensor }) => [id, tensor]))
  const weights: MaskedWeight[] = []
  for (const { id, values } of tensors) {
    const tensor = before.get(id)
    if (!scores.has(id) || tensor === undefined) continue
    const bits = noBits(values.length)
    let masked = 0
    for (let i = 0; i < values.length; i++) {
      if (values[i] !== 0) continue
      setBit(bits, i)
      masked++
    }
    weights.push({ id, elements: values.length, zeros: await countZeros(tensor), masked, rule: packBits(bits) })
  }
  const head = { kind: 'mask', structure: 'element', criterion: 'movement', scope: 'global', target: { sparsity } } as const
  return { ...head, saliency: { op: 'weight' }, precision: 'f32', weights }
}

/** '400 steps of adamw, 0.9 ms each: held-out accuracy 0.9 → 0.97' */
export function describeTraining({
  steps,
  optimizer,
  msPerStep,
  before,
  after,
  distilled,
}: Pick<TrainingFacts, 'steps' | 'optimizer' | 'msPerStep' | 'before' | 'after' | 'distilled'>): string {
  const metric = after?.metric
  const what = metric === undefined ? 'loss' : metric.name
  const [from, to] = [before, after].map((each) => (metric === undefined ? each?.loss : each?.metric?.value))
  const bought = from === undefined || to === undefined ? '' : `: held-out ${what} ${figure(from)} → ${figure(to)}`
  return `${formatCount(steps)} steps of ${optimizer}${distilled ? ', distilled' : ''}, ${short(msPerStep)} ms each${bought}`
}
