import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { inBlocks, type Loss } from '@pare/autograd'
import type { Runtime } from '@pare/evaluate'
import { type Model, openModel, PareError, writeModel } from '@pare/onnx'
import type { Arena } from './arena.js'
import { blockSize, hasConvolution } from './channel-blocks.js'
import { checkDeclared, checkLabels, openFeed } from './feed.js'
import { type BuildGraphs, buildGraphs, type Graphs, onlyFor } from './graphs.js'
import { type BlockLoss, type ChosenLoss, chooseLoss, type DistillWeights } from './losses.js'
import { type MovementOptions, openMovement } from './movement.js'
import { areasOf } from './optimizer.js'
import { openPasses } from './passes.js'
import { optimizerOf, type RecipeOptions, recipeOf } from './recipe.js'
import { separateVectors } from './separate.js'
import { readState, writeState } from './state.js'
import { openTeacher, type Teacher } from './teacher.js'
import {
  type CurvePoint,
  type Ended,
  median,
  newStanding,
  type Recipe,
  type Standing,
  type StepProgress,
  train,
} from './train.js'
import { type TrainableOptions, trainableTensors } from './trainable.js'
import { fixedBatchOf, openTrainingData, type TrainingDataOptions } from './training-data.js'
import { joined, openWeights, type StoredTensor, type Weights } from './weights.js'

/** What the child process is asked for: paths instead of models, and no functions. */
export interface RunRequest extends RecipeOptions, TrainableOptions, TrainingDataOptions {
  /** Path of the model. */
  readonly model: string
  readonly loss?: Loss
  /** `teacher`: path of the model that is learnt from. */
  readonly distill?: DistillWeights & { readonly teacher: string }
  /** Instead of the whole loss. */
  readonly block?: BlockLoss
  readonly masks?: ReadonlyMap<string, Uint8Array>
  readonly movement?: MovementOptions
  readonly statistics?: 'follow' | 'keep'
  readonly removed?: number
  readonly threads?: number
  /** File in which the training stands after each look at held-out samples, and from which it goes on. */
  readonly state?: string
  /** For files that are not needed afterwards. */
  readonly folder: string
}

/** What comes back. Numbers stand in the files 'trained' and 'scores' of the folder, one tensor after another. */
export interface RunReply {
  readonly tensors: readonly StoredTensor[]
  readonly scores?: readonly StoredTensor[]
  readonly loss: { readonly kind: Loss; readonly why: string; readonly output: string }
  readonly recipe: Recipe
  readonly ended: Ended
  readonly reason?: string
  readonly step: number
  readonly best: Standing['best']
  readonly curve: readonly CurvePoint[]
  readonly msPerStep: number
  readonly frozen: readonly (readonly [name: string, reason: string])[]
  readonly samples: { readonly trained: number; readonly heldOut: number }
  readonly zeros: { readonly before: number; readonly after: number; readonly elements: number }
  readonly resumedAt?: number
}

export interface Talking {
  readonly onProgress: (progress: StepProgress) => void
  readonly isStopped: () => boolean
  /** Default: by @pare/autograd */
  readonly build?: BuildGraphs
}

/** Trains in this process. `retrain` does so in a child. */
export async function runTraining(runtime: Runtime, request: RunRequest, talking: Talking): Promise<RunReply> {
  const { folder } = request
  const threads = request.threads ?? availableParallelism()
  await using file = await openModel(request.model, { allowHardLinks: request.trusted ?? false })
  const { model, added } = separateVectors(file.model)
  const data = await openTrainingData(model, request)
  const { samples, source, output } = data
  const { loss: said, distill, block } = request
  const chosen = chooseLoss({ said, output, sample: samples.pick([0]), distill, block })
  checkDeclared(model, { chosen, data })
  const trainable = await trainableTensors(model, request)
  const graphs = await (talking.build ?? buildGraphs)(model, {
    ...{ losses: chosen.parts, output: block?.hidden[1] ?? output, weights: trainable.map(({ id }) => id) },
    batchStatistics: request.statistics !== 'keep',
  })
  const areas = areasOf(optimizerOf(request), {
    accumulates: (request.accumulate ?? 1) > 1,
    movement: request.movement !== undefined,
  })
  const weights = await openWeights(model, trainable, { graphs, areas, masks: request.masks })
  const { arena, statistics } = weights
  const before = weights.zeros()
  const fixedBatch = fixedBatchOf(data.inputs)
  const removed = Math.max(before / Math.max(1, weights.elements), request.removed ?? 0)
  const recipe = recipeOf(request, { samples: source.count, isText: data.isText, fixedBatch, removed })
  await using passes = await openPasses(runtime, {
    ...graphs,
    ...(await writeGraphs(runtime, graphs, folder)),
    arena,
    statistics,
    threads,
  })
  await using teacher = await teacherFor(runtime, chosen, { request, threads })
  const feed = openFeed({ source, batch: recipe.batch, fixed: fixedBatch !== undefined, chosen, teacher: teacher?.teacher })
  const scores = await checkLabels(passes, await feed.draw(0), { chosen, data })
  const moving = request.movement && (await movingTensors(model, arena, request.movement))
  const movement = moving && openMovement(arena, moving, request.movement)
  const stored = await openStored(request, recipe, weights)
  const standing = stored.standing ?? newStanding()
  const resumedAt = stored.standing?.step
  const { ended, reason } = await train(
    {
      ...{ recipe, arena, statistics, passes, ...feed, ...talking },
      judged: { kind: chosen.parts[0]!.kind, scores },
      ...(movement && { movement }),
      keep: weights.keep,
      save: stored.save,
    },
    standing,
  )
  if (ended === 'diverged' && standing.best.step === 0) throw ruined(reason!, recipe)
  await writeFile(join(folder, 'trained'), weights.kept())
  if (moving) await writeFile(join(folder, 'scores'), joined(moving.map((tensor) => arena.view(tensor, 'scores'))))
  return {
    tensors: weights.tensors.map((tensor) => ({ ...tensor, ...(added.has(tensor.id) && { added: added.get(tensor.id)! }) })),
    ...(moving && { scores: moving.map(({ name, shape }) => ({ id: name, shape })) }),
    loss: { kind: chosen.kind, why: chosen.why, output },
    ...{
      recipe,
      ended,
      ...(reason !== undefined && { reason }),
      step: standing.step,
      best: standing.best,
      curve: standing.curve,
    },
    msPerStep: median(standing.times),
    frozen: [...graphs.frozen],
    samples: { trained: source.count, heldOut: source.held },
    zeros: { before, after: weights.zeros(), elements: weights.elements },
    ...(resumedAt !== undefined && { resumedAt }),
  }
}

async function writeGraphs(runtime: Runtime, graphs: Graphs, folder: string): Promise<{ training: string; judging: string }> {
  const size = hasConvolution(graphs.training) ? await blockSize(runtime, folder) : 0
  const [training, judging] = [await inBlocks(graphs.training, size), await inBlocks(graphs.judging, size)]
  const paths = { training: join(folder, 'training.onnx'), judging: join(folder, 'judging.onnx') }
  await writeModel(training, paths.training)
  await writeModel(judging, paths.judging)
  return paths
}

/** Only what is compared is computed. */
async function teacherFor(
  runtime: Runtime,
  { teacher: outputs }: ChosenLoss,
  { request, threads }: { request: RunRequest; threads: number },
) {
  if (request.distill === undefined || outputs.size === 0) return undefined
  const { distill, folder, trusted = false } = request
  await using file = await openModel(distill.teacher, { allowHardLinks: trusted })
  const values = new Set([
    ...file.model.graph.outputs.map(({ name }) => name),
    ...file.model.graph.nodes.flatMap((node) => node.outputs),
  ])
  const missing = [...outputs.keys()].filter((name) => !values.has(name))
  if (missing.length > 0) {
    throw new PareError(`retrain: the teacher has no value ${missing.map((name) => `'${name}'`).join(', ')}.`, {
      hint: 'the teacher is the model before it was pruned, with the same outputs; hidden names values of it.',
    })
  }
  const path = join(folder, 'teacher.onnx')
  await writeModel(onlyFor(file.model, [...outputs.keys()]), path)
  const teacher: Teacher = await openTeacher(runtime, path, { outputs, threads })
  return { teacher, [Symbol.asyncDispose]: () => teacher[Symbol.asyncDispose]() }
}

async function movingTensors(model: Model, arena: Arena, { include }: MovementOptions) {
  const wanted = new Set((await trainableTensors(model, { ...(include && { include }) })).map(({ id }) => id))
  const found = arena.tensors.filter(({ name, shape }) => shape.length > 1 && wanted.has(name))
  if (found.length > 0) return found
  throw new PareError('retrain: movement pruning finds no tensor with two axes or more that is trained.', {
    hint: 'name others with include.',
  })
}

/** Where the training stood, and how it is written down. */
async function openStored(request: RunRequest, recipe: Recipe, { numbers }: Weights) {
  const path = request.state
  if (path === undefined) return { save: () => Promise.resolve() }
  const identity = await identityOf(request, recipe, numbers)
  const saved = await readState<Standing>(path, identity)
  for (const [name, bytes] of saved?.numbers ?? []) numbers.get(name)!.set(bytes)
  const save = (standing: Standing) => writeState(path, { identity, progress: standing, numbers })
  return { save, ...(saved && { standing: saved.progress }) }
}

/** Of everything that decides how a training goes on: the same on the same machine. */
async function identityOf(request: RunRequest, recipe: Recipe, numbers: Weights['numbers']): Promise<string> {
  const { model: _, folder: __, state: ___, data, distill, masks: ____, ...rest } = request
  const hash = createHash('sha256')
  hash.update(
    JSON.stringify([rest, recipe, distill && { ...distill, teacher: '' }], (___, value) =>
      value === Number.POSITIVE_INFINITY ? 'Infinity' : value,
    ),
  )
  for (const [name, bytes] of numbers) hash.update(name).update(bytes)
  for (const path of [data, ...(distill === undefined ? [] : [distill.teacher])])
    for await (const piece of createReadStream(path)) hash.update(piece)
  return hash.digest('hex')
}

function ruined(reason: string, { learningRate }: Recipe): PareError {
  return new PareError(`retrain: training was of no use: ${reason}.`, {
    hint: `try a lower learning rate, ${learningRate / 10} for example; where the loss is no number from the first step on, look at the data.`,
  })
}
