import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Loss } from '@pare/autograd'
import type { Runtime } from '@pare/evaluate'
import { type Model, madeBy, openModel, openRegular, PareError, present, writeModel, writeWhole } from '@pare/onnx'
import { checkLabels, openFeed } from './data/feed.js'
import { openTeacher, type Teacher } from './data/teacher.js'
import { blockSize, hasConvolution } from './graph/channel-blocks.js'
import { type BuildGraphs, buildGraphs, type Graphs, onlyFor } from './graph/graphs.js'
import { samplesFirst } from './graph/samples-first.js'
import { trainableTensors } from './graph/trainable.js'
import { joinWeights, type StoredTensor, type Weights } from './graph/weights.js'
import type { LoraFacts } from './lora.js'
import type { ChosenLoss } from './losses.js'
import type { Arena } from './optimizer/arena.js'
import { type MovementOptions, openMovement } from './optimizer/movement.js'
import { openPasses } from './passes.js'
import { prepare, type RetrainRequest, type TrainingPlan } from './prepare.js'
import { readState, writeState } from './state.js'
import {
  type CurvePoint,
  median,
  newStanding,
  type Recipe,
  type Standing,
  type StepProgress,
  type TrainEnd,
  type TrainResult,
  train,
} from './train.js'

/** What comes back. Numbers stand in the files 'trained' and 'scores' of the folder, one tensor after another. */
export interface RunReply {
  readonly tensors: readonly StoredTensor[]
  readonly scores?: readonly StoredTensor[]
  readonly loss: { readonly kind: Loss; readonly why: string; readonly output: string }
  readonly recipe: Recipe
  readonly ended: TrainEnd
  readonly reason?: string
  readonly step: number
  readonly best: Standing['best']
  readonly curve: readonly CurvePoint[]
  readonly msPerStep: number
  readonly frozen: readonly (readonly [name: string, reason: string])[]
  readonly samples: { readonly trained: number; readonly heldOut: number }
  readonly zeros: { readonly before: number; readonly after: number; readonly elements: number }
  readonly resumedAt?: number
  readonly lora?: LoraFacts
}

export interface Talking {
  readonly onProgress: (progress: StepProgress) => void
  readonly isStopped: () => boolean
  /** Default: by @pare/autograd */
  readonly build?: BuildGraphs
}

/** Trains in this process. `retrain` does so in a child. */
export async function runTraining(runtime: Runtime, request: RetrainRequest, talking: Talking): Promise<RunReply> {
  const { folder, movement: options } = request
  await using file = await openModel(request.model, { allowHardLinks: request.trusted ?? false })
  const channelBlock = hasConvolution(file.model) ? await blockSize(runtime, folder) : 0
  const prepared = await prepare(file.model, request, { build: talking.build ?? buildGraphs, channelBlock })
  const { model, data, loss: chosen, graphs, weights, recipe } = prepared
  const { arena, statistics } = weights
  const before = weights.zeros()
  const threads = request.threads ?? availableParallelism()
  const paths = await writeGraphs(graphs, folder)
  await using passes = await openPasses(runtime, { ...graphs, ...paths, arena, statistics, threads })
  await using teacher = await teacherFor(runtime, chosen, { request, threads })
  const feed = openFeed({ ...prepared, source: data.source, batch: recipe.batch, teacher: teacher?.teacher })
  const scores = await checkLabels(passes, await feed.draw(0), { loss: chosen, data })
  const moving = options && (await movingTensors(model, arena, options))
  const movement = moving && openMovement(arena, moving, options)
  const state = await openStored(request, recipe, weights)
  const standing = state.standing ?? newStanding()
  const resumed = state.standing === undefined ? {} : { resumedAt: state.standing.step }
  const trained = await train(
    {
      ...{ recipe, arena, statistics, passes, ...feed, ...talking },
      judged: { kind: chosen.parts[0]!.kind, scores },
      ...present({ movement }),
      ...{ keep: weights.keep, save: state.save },
    },
    standing,
  )
  if (trained.ended === 'diverged' && standing.best.step === 0) throw ruined(trained.reason!, recipe)
  await writeWhole(join(folder, 'trained'), [weights.kept()])
  if (moving) await writeWhole(join(folder, 'scores'), [joinWeights(moving.map((tensor) => arena.view(tensor, 'scores')))])
  const scored = moving && { scores: moving.map(({ name, shape }) => ({ id: name, shape })) }
  return {
    ...replyOf(prepared, trained),
    zeros: { before, after: weights.zeros(), elements: weights.elements },
    ...scored,
    ...resumed,
  }
}

function replyOf(
  { added, data, loss, graphs, weights, recipe, lora }: TrainingPlan,
  trained: TrainResult,
): Omit<RunReply, 'zeros'> {
  const { ended, reason, standing } = trained
  const { step, best, curve, times } = standing
  return {
    tensors: weights.tensors.map((tensor) => ({ ...tensor, ...(added.has(tensor.id) && { added: added.get(tensor.id)! }) })),
    loss: { kind: loss.kind, why: loss.why, output: data.output },
    ...{ recipe, ended, ...present({ reason }), step, best, curve, msPerStep: median(times) },
    frozen: [...graphs.frozen],
    samples: { trained: data.source.count, heldOut: data.source.held },
    ...present({ lora }),
  }
}

async function writeGraphs({ training, judging }: Graphs, folder: string): Promise<{ training: string; judging: string }> {
  const paths = { training: join(folder, 'training.onnx'), judging: join(folder, 'judging.onnx') }
  await writeModel(training, paths.training)
  await writeModel(judging, paths.judging)
  return paths
}

/** Only what is compared is computed. */
async function teacherFor(
  runtime: Runtime,
  { teacher: outputs }: ChosenLoss,
  { request, threads }: { request: RetrainRequest; threads: number },
) {
  if (request.distill === undefined || outputs.size === 0) return undefined
  const { distill, folder, trusted = false } = request
  await using file = await openModel(distill.teacher, { allowHardLinks: trusted })
  const values = new Set([...file.model.graph.outputs.map(({ name }) => name), ...file.model.graph.nodes.flatMap(madeBy)])
  const missing = [...outputs.keys()].filter((name) => !values.has(name))
  if (missing.length > 0) {
    throw new PareError(`retrain: the teacher has no value ${missing.map((name) => `'${name}'`).join(', ')}.`, {
      hint: 'the teacher is the model before it was pruned, with the same outputs; hidden names values of it.',
    })
  }
  const path = join(folder, 'teacher.onnx')
  await writeModel(onlyFor(samplesFirst(file.model, request.batchAxis), [...outputs.keys()]), path)
  const teacher: Teacher = await openTeacher(runtime, path, { outputs, threads })
  return { teacher, [Symbol.asyncDispose]: () => teacher[Symbol.asyncDispose]() }
}

async function movingTensors(model: Model, arena: Arena, { include }: MovementOptions) {
  const ids = new Set((await trainableTensors(model, { ...present({ include }) })).map(({ id }) => id))
  const tensors = arena.tensors.filter(({ name, shape }) => shape.length > 1 && ids.has(name))
  if (tensors.length > 0) return tensors
  throw new PareError('retrain: movement pruning finds no tensor with two axes or more that is trained.', {
    hint: 'name others with include.',
  })
}

/** Where the training stood, and how it is written down. */
async function openStored(request: RetrainRequest, recipe: Recipe, { numbers }: Weights) {
  const path = request.state
  if (path === undefined) return { save: () => Promise.resolve() }
  const identity = await identityOf(request, recipe, numbers)
  const saved = await readState<Standing>(path, identity)
  for (const [name, bytes] of saved?.numbers ?? []) numbers.get(name)!.set(bytes)
  const save = (standing: Standing) => writeState(path, { identity, progress: standing, numbers })
  return { save, ...(saved && { standing: saved.progress }) }
}

/** Of everything that decides how a training goes on: the same on the same machine. */
async function identityOf(request: RetrainRequest, recipe: Recipe, numbers: Weights['numbers']): Promise<string> {
  const { model: _, folder: __, state: ___, data, distill, masks: ____, ...rest } = request
  const hash = createHash('sha256')
  hash.update(
    JSON.stringify([rest, recipe, distill && { ...distill, teacher: '' }], (___, value) =>
      value === Number.POSITIVE_INFINITY ? 'Infinity' : value,
    ),
  )
  for (const [name, bytes] of numbers) hash.update(name).update(bytes)
  for (const path of [data, ...(distill === undefined ? [] : [distill.teacher])])
    for await (const piece of (await openRegular(path, 'training data')).handle.createReadStream()) hash.update(piece)
  return hash.digest('hex')
}

function ruined(reason: string, { learningRate }: Recipe): PareError {
  return new PareError(`retrain: training was of no use: ${reason}.`, {
    hint: `try a lower learning rate, ${learningRate / 10} for example; where the loss is no number from the first step on, look at the data.`,
  })
}
