import { type BlockPart, findParts, withSumOutputs } from '@pare/axes'
import {
  editGraph,
  editModel,
  editTensor,
  isFloat,
  keyOf,
  type Model,
  makeNode,
  makePayload,
  type Node,
  PareError,
  readBy,
  withTensors,
} from '@pare/onnx'
import { weightsOf } from '../analyse/analyse.js'
import type { Forward } from '../calibrate/forward.js'
import { type Level, type LevelMeasuring, openLevels } from '../calibrate/levels.js'
import type { PlanStep } from '../plan/plan.js'
import { cannotMerge, merge, withPositions } from '../repair/merge.js'
import { type Origins, originsOf } from '../repair/origins.js'
import { removedRuns } from '../repair/replacement.js'
import type { PartErrors, SampleArray, TrainPart } from './part-job.js'
import { AIM, entriesOf, KEPT, type PartEntry, partModel } from './part-model.js'
import { valuesOfSamples, type WantedValue } from './part-values.js'

export interface RecoverBlocksOptions {
  /** What was done to the reference, with the plan's seed. */
  readonly steps: readonly PlanStep[]
  readonly seed: number
  /** Runs models over calibration data. */
  readonly forward: Forward
  readonly train: TrainPart
  /** Whether the data hold an input themselves, such as a cache that is not left to begin empty. Default: they hold no caches */
  readonly isFilled?: (input: string) => boolean
  /** Called with values in which padding counts too: which of their positions it is does not follow from the model. */
  readonly onPadding?: (values: readonly string[]) => void
  readonly signal?: AbortSignal
}

/** Parts of blocks that were trained, one after another. */
export interface RecoveredBlocks {
  /** The elements of what changed, by id, f32. */
  readonly tensors: ReadonlyMap<string, Float32Array>
  readonly parts: readonly RecoveredPart[]
  /** What the user should know: parts that were left, with the reason. */
  readonly notes: readonly string[]
}

export interface RecoveredPart {
  /** The value that it ends with. */
  readonly name: string
  readonly errors?: PartErrors
}

/**
 * Trains what pruning left, without labels: parts of blocks (attention alone, the feed-forward network alone, each with its non-linearity) are to give what the same
 * part of the reference gives on calibration data ("A Free Lunch in LLM Compression", arXiv 2510.14444). A part is given what the trained parts before it make of the
 * data, and its aim is what the reference gives there when it runs by itself, so that errors of earlier parts are corrected. Values go from part to part: both models
 * run twice over the data, at most, however many parts there are, and the values of one part are in memory. Throws PareError where a model has no such blocks.
 */
export async function recoverBlocks(reference: Model, pruned: Model, options: RecoverBlocksOptions): Promise<RecoveredBlocks> {
  const { steps, seed, forward, train, isFilled = () => false, onPadding, signal } = options
  const reason = cannotMerge(reference, pruned, isFilled)
  if (reason !== undefined) throw noBlocks(`the two models cannot run side by side: ${reason}`)
  const allParts = findParts(pruned)
  if (allParts.length === 0) throw noBlocks(whyNone(pruned))
  const [whole, ready] = withSums([reference, pruned], allParts)
  const ends = new Map((await removedRuns(whole!, { steps, seed })).map(({ from, to }) => [from, to]))
  const { nameOf } = merge(whole!, ready!)
  const aims = new Map(allParts.map(({ to }) => [to, ends.get(to) ?? to]))
  const parts = allParts
    .filter(({ to }) => nameOf(aims.get(to)!) !== to)
    .map((part) => ({ ...part, constants: ownConstants(ready!, part) }))
  if (parts.length === 0)
    return { tensors: new Map(), parts: [], notes: ['no block was changed by pruning, so none was trained'] }
  let current = apart(ready!, parts)
  const bounds = new Set(allParts.flatMap(({ from, to }) => [from, to]))
  const merged = merge(whole!, current)
  const places = parts.map((part) => ({
    part,
    entries: entriesOf(current, part, bounds),
    aim: merged.nameOf(aims.get(part.to)!),
  }))
  await using runs = await openLevels(forward, {
    model: merged.model,
    levels: places.map((place) => levelOf(place, current)),
    signal,
  })
  const origins = await originsOf(whole!, steps, seed)
  const tensors = new Map<string, Float32Array>()
  const done: RecoveredPart[] = []
  for (const [index, place] of places.entries()) {
    signal?.throwIfAborted()
    const { model } = merge(whole!, current)
    const values = await valuesAt(model, place, {
      measuring: runs.at(index),
      origins,
      aim: aims.get(place.part.to)!,
      onPadding,
      signal,
    })
    const { model: alone, loss } = partModel(current, { ...place, ...values, bounds, fixedBatch: fixedBatchOf(current) })
    const { part } = place
    const job = { name: part.to, index, count: places.length, model: alone, loss, samples: values.samples }
    const trained = await train({ ...job, inputs: [...values.arrays.values()], constants: part.constants })
    for (const [id, elements] of trained.tensors) tensors.set(id, elements)
    current = withElements(current, trained.tensors)
    done.push({ name: part.to, ...(trained.errors && { errors: trained.errors }) })
  }
  return { tensors, parts: done, notes: [] }
}

interface Place {
  readonly part: BlockPart
  readonly entries: readonly PartEntry[]
  /** What the reference gives, in both models as one graph. */
  readonly aim: string
}

function levelOf({ part, entries, aim }: Place, { graph }: Model): Level {
  const constants = new Set(part.constants)
  const changed = graph.nodes.filter((node) => readBy(node).some((name) => constants.has(name)))
  return { reads: [...entries.map(({ value }) => value), aim], changes: changed.map(keyOf) }
}

interface Valuing {
  readonly measuring: LevelMeasuring
  readonly origins: Origins
  /** In the reference. */
  readonly aim: string
  readonly onPadding: RecoverBlocksOptions['onPadding'] | undefined
  readonly signal: AbortSignal | undefined
}

async function valuesAt(
  model: Model,
  { part, entries, aim: value }: Place,
  { measuring, origins, aim, onPadding, signal }: Valuing,
) {
  const { padding, shapes } = measuring
  const [now, then] = [shapes.get(part.to) ?? [], shapes.get(value) ?? []]
  let whole = { model, name: value }
  for (const [axis, size] of now.entries()) {
    const positions = origins(aim, axis)
    if (positions === undefined && size !== then[axis])
      throw noBlocks(`it is not known which positions of axis ${axis} of '${part.to}' are left`)
    if (size !== then[axis] || positions?.some((position, i) => position !== i))
      whole = withPositions(whole.model, { value: whole.name, axis, positions: positions! })
  }
  const layout = padding?.layoutOf(value, [-1]) ?? 'none'
  if (layout === 'unmasked') onPadding?.([part.to])
  const wanted: WantedValue[] = [
    ...entries.map(({ name, value: entry, type }) => ({ name, value: entry, type })),
    { name: AIM, value: whole.name, type: 'float32' },
    ...(typeof layout === 'object' ? [{ name: KEPT, value: undefined, layout, type: 'float32' as const }] : []),
  ]
  const { samples, arrays } = await valuesOfSamples(whole.model, wanted, measuring, signal)
  const byName = new Map(arrays.map((array) => [array.name, array]))
  const kept = byName.get(KEPT)
  const share = kept === undefined ? 1 : meanOf(kept, (x) => x)
  // Where nothing is filled up, nothing needs to be left out.
  if (share === 1) byName.delete(KEPT)
  return { samples, arrays: byName, share, scale: meanOf(byName.get(AIM)!, (x) => x * x) || 1 }
}

/** Of an array of floats. */
function meanOf({ pieces }: SampleArray, of: (x: number) => number): number {
  let [sum, count] = [0, 0]
  for (const piece of pieces) {
    const values = new Float32Array(piece.buffer, piece.byteOffset, piece.byteLength / 4)
    for (const value of values) sum += of(value)
    count += values.length
  }
  return count === 0 ? 0 : sum / count
}

/** Constants that nothing outside of a part reads. */
function ownConstants({ graph }: Model, { nodes, constants }: BlockPart): string[] {
  const own = new Set(nodes)
  const elsewhere = new Set(graph.nodes.filter((node) => !own.has(keyOf(node))).flatMap(readBy))
  return constants.filter((id) => !elsewhere.has(id))
}

/** With the constants of parts as tensors of its own, so that what the reference computes with them is computed apart. */
function apart(model: Model, parts: readonly BlockPart[]): Model {
  const ids = new Set(parts.flatMap(({ constants }) => constants))
  return withTensors(model, (tensor, id) => (ids.has(id) ? editTensor(tensor, {}) : tensor))
}

function withElements(model: Model, elements: ReadonlyMap<string, Float32Array>): Model {
  return withTensors(model, (tensor, id) => {
    const own = elements.get(id)
    return own === undefined
      ? tensor
      : editTensor(tensor, { data: makePayload(new Uint8Array(own.buffer, own.byteOffset, own.byteLength)) })
  })
}

/** Models in which the sums inside fused normalisations that parts begin or end with are values of their own. What they share, they share still. */
function withSums(models: readonly Model[], parts: readonly BlockPart[]): Model[] {
  const names = [...new Set(parts.flatMap(({ from, to }) => [from, to]))]
  const readers = names.map((name) => makeNode({ op: 'Identity', inputs: [name], outputs: [`${name}/read`] }))
  const edited = new Map<Node, Node>()
  return models.map((model) => {
    const { nodes } = model.graph
    for (const [i, node] of withSumOutputs([...nodes, ...readers])
      .slice(0, nodes.length)
      .entries())
      if (!edited.has(nodes[i]!)) edited.set(nodes[i]!, node)
    return editModel(model, { graph: editGraph(model.graph, { nodes: nodes.map((node) => edited.get(node)!) }) })
  })
}

/** Samples in a batch, where the model takes no other number. */
function fixedBatchOf({ graph }: Model): number | undefined {
  const stored = new Set(graph.initializers.map(({ name }) => name))
  const sizes = graph.inputs.filter(({ name }) => !stored.has(name)).map(({ shape }) => shape?.[0])
  return sizes.find((size): size is number => typeof size === 'number')
}

function whyNone(model: Model): string {
  const [first] = weightsOf(model).filter(({ tensor }) => isFloat(tensor.type))
  const where =
    first === undefined ? '' : `: what '${first.uses[0]?.node.name || first.id}' gives is never added to what it is given`
  return `there are no residual blocks in the model${where}`
}

function noBlocks(why: string): PareError {
  return new PareError(`recover: blocks cannot be trained, since ${why}.`, {
    hint: 'take --recover repair, which fits layers one by one, or --recover retrain with training data.',
  })
}
