import type { Loss } from '@pare/autograd'
import { inputsFor, mostSamples } from '@pare/evaluate'
import type { Model } from '@pare/onnx'
import { present } from '@pare/onnx'
import type { STATISTICS } from './choices.js'
import { checkDeclared } from './data/feed.js'
import { fixedBatchOf, openTrainingData, type TrainingData, type TrainingDataOptions } from './data/training-data.js'
import type { BuildGraphs, Graphs } from './graph/graphs.js'
import { samplesFirst } from './graph/samples-first.js'
import { type SeparatedModel, separateVectors } from './graph/separate.js'
import { type TrainableOptions, trainableTensors } from './graph/trainable.js'
import { openWeights, type Weights } from './graph/weights.js'
import { type LoraFacts, type LoraOptions, merged, withLora } from './lora.js'
import { type BlockLoss, type ChosenLoss, chooseLoss, type DistillWeights, TARGET, targetOf } from './losses.js'
import type { MovementOptions } from './optimizer/movement.js'
import { areasOf } from './optimizer/optimizer.js'
import { batchesOf, optimizerOf, type RecipeOptions, recipeOf } from './recipe.js'
import type { Recipe } from './train.js'

/** What the child process is asked for: paths instead of models, and no functions. */
export interface RetrainRequest extends RecipeOptions, TrainableOptions, TrainingDataOptions {
  /** Path of the model. */
  readonly model: string
  readonly loss?: Loss
  /** `teacher`: path of the model that is learnt from. */
  readonly distill?: DistillWeights & { readonly teacher: string }
  /** Instead of the whole loss. */
  readonly block?: BlockLoss
  readonly masks?: ReadonlyMap<string, Uint8Array>
  readonly movement?: MovementOptions
  readonly lora?: LoraOptions
  readonly statistics?: (typeof STATISTICS)[number]
  readonly removed?: number
  readonly threads?: number
  readonly activationBytes?: number
  /** File in which the training stands after each look at held-out samples, and from which it goes on. */
  readonly state?: string
  /** For files that are not needed afterwards. */
  readonly folder: string
}

/** A training, all of it decided, before anything has run. */
export interface TrainingPlan extends SeparatedModel {
  readonly data: TrainingData
  readonly loss: ChosenLoss
  readonly graphs: Graphs
  readonly weights: Weights
  readonly recipe: Recipe
  /** What is trained instead of weights, where that is wanted. */
  readonly lora?: LoraFacts
  /** Whether the model takes batches of one size only. */
  readonly fixed: boolean
  /** Whether what the teacher gives has its samples on the first axis: values inside a model have not, where the model itself has them elsewhere. */
  readonly splits: boolean
}

export interface GraphSettings {
  readonly build: BuildGraphs
  /** Channels in a block of this machine's layout for convolutions, 0 where it has none. */
  readonly channelBlock: number
}

/** Reads model and data, chooses the loss and what is trained, and makes the graphs. */
export async function prepare(
  whole: Model,
  request: RetrainRequest,
  { build, channelBlock }: GraphSettings,
): Promise<TrainingPlan> {
  const { loss: setting, distill, block, movement } = request
  const separate = separateVectors(whole)
  const { lora } = request
  const adapted = lora && (await withLora(separate.model, { ...request, lora }))
  const { model: own, added } = { ...separate, ...adapted }
  const model = samplesFirst(own, request.batchAxis)
  const data = await openTrainingData(model, request)
  const { samples, source, output, isText } = data
  const loss = chooseLoss({ setting, output, sample: samples.pick([0]), distill, block })
  checkDeclared(model, { loss, data })
  const trainable = adapted?.trainable ?? (await trainableTensors(model, request))
  const fixedBatch = fixedBatchOf(data.inputs)
  const shapesFor = (size: number) => shapesOf(data, loss, size)
  const most =
    isText && request.batch === undefined
      ? await mostSamples(model, (size) => ofModel(model, shapesFor(size)))
      : Number.POSITIVE_INFINITY
  const facts = { samples: source.count, isText, fixedBatch, most }
  const { batch, accumulate } = batchesOf(request, facts)
  const { activationBytes: bytes } = request
  const memory = bytes === undefined ? {} : { memory: { bytes, inputs: shapesFor(batch) } }
  const graphs = await build(model, {
    ...{ losses: loss.parts, output: block?.hidden[1] ?? output, weights: trainable.map(({ id }) => id) },
    ...{
      batchStatistics: (request.statistics ?? (lora === undefined ? 'follow' : 'keep')) !== 'keep',
      batch,
      channelBlock,
      ...memory,
    },
  })
  const areas = areasOf(optimizerOf(request), { accumulates: accumulate > 1, movement: movement !== undefined })
  // What begins at zero beside a weight is not masked.
  const masks = adapted === undefined ? request.masks : new Map()
  const opened = await openWeights(model, trainable, { graphs, areas, masks })
  const weights = adapted === undefined ? opened : merged(opened, adapted.weights)
  const removed = Math.max(weights.zeros() / Math.max(1, weights.elements), request.removed ?? 0)
  const recipe = recipeOf(request, { ...facts, removed, normalized: graphs.statistics.length > 0, isLora: lora !== undefined })
  return {
    model,
    added,
    data,
    loss,
    graphs,
    weights,
    recipe,
    fixed: fixedBatch !== undefined,
    splits: model === own || [...loss.teacher.keys()].every((name) => name === output),
    ...present({ lora: adapted?.facts }),
  }
}

/** Without what the loss adds. */
function ofModel({ graph }: Model, shapes: Record<string, readonly number[]>): Record<string, readonly number[]> {
  const own = new Set(graph.inputs.map(({ name }) => name))
  return Object.fromEntries(Object.entries(shapes).filter(([name]) => own.has(name)))
}

/** Of a batch of so many samples: the inputs of the model, and what their labels are compared with. */
function shapesOf({ source, inputs }: TrainingData, { kind }: ChosenLoss, size: number): Record<string, readonly number[]> {
  const { batch } = source.at(0, size)
  const { target } = targetOf(kind, batch)
  const fed = { ...inputsFor(inputs, batch), ...present({ [TARGET]: target }) }
  return Object.fromEntries(Object.entries(fed).map(([name, { shape }]) => [name, shape]))
}
