import { constantsOf, elementCount, type Model, PareError, present, readAll, type Tensor } from '@pare/onnx'
import { AREAS, type Area, type Arena, type ArenaTensor, openArena } from '../optimizer/arena.js'
import type { RunningStatistics } from '../passes.js'
import type { Graphs } from './graphs.js'
import type { VectorCopy } from './separate.js'
import type { Trainable } from './trainable.js'

export interface WeightsRequest {
  readonly graphs: Pick<Graphs, 'gradients' | 'statistics' | 'frozen'>
  readonly areas: readonly Area[]
  /** Bits of what is kept, by name. Default: of tensors with two axes or more, what is not zero */
  readonly masks: ReadonlyMap<string, Uint8Array> | undefined
}

/** The numbers of a training. */
export interface Weights {
  readonly arena: Arena
  readonly statistics: readonly RunningStatistics[]
  /** Of tensors with two axes or more. */
  readonly elements: number
  /** How many of them are zero. */
  zeros(): number
  /** Puts the weights and statistics aside, as the best so far. */
  keep(): void
  /** What was put aside, one tensor after another. */
  kept(): Uint8Array
  /** The tensors that `kept()` gives. */
  readonly tensors: readonly StoredTensor[]
  /** All there is of it, to be saved and set again. */
  readonly numbers: ReadonlyMap<string, Uint8Array>
}

export interface StoredTensor {
  readonly id: string
  readonly shape: readonly number[]
  /** Set where it is one reader's copy of a vector. */
  readonly added?: VectorCopy
}

/** Reads what is trained into memory, with what is masked at zero. */
export async function openWeights(model: Model, trainable: readonly Trainable[], request: WeightsRequest): Promise<Weights> {
  const { graphs, areas, masks } = request
  checkMasks(masks, trainable)
  const tensors: { tensor: ArenaTensor; values: Float32Array }[] = []
  for (const { id, tensor } of trainable) {
    if (!graphs.gradients.has(id)) continue
    const values = new Float32Array((await readAll(tensor.data)).buffer)
    const mask = masks === undefined ? (tensor.shape.length > 1 ? maskOf(values) : undefined) : masks.get(id)
    tensors.push({ tensor: { name: id, shape: tensor.shape, decays: tensor.shape.length > 1, ...present({ mask }) }, values })
  }
  if (tensors.length === 0) throw nothingToTrain([...graphs.frozen][0], model)
  const arena = openArena(
    tensors.map(({ tensor }) => tensor),
    areas,
  )
  for (const [i, tensor] of arena.tensors.entries()) {
    const target = arena.view(tensor, 'weights')
    target.set(tensors[i]!.values)
    if (tensor.mask !== undefined) for (let at = 0; at < target.length; at++) if (!hasBit(tensor.mask, at)) target[at] = 0
  }
  return weightsIn(arena, await statisticsOf(model, graphs))
}

function nothingToTrain(frozen: readonly [name: string, reason: string] | undefined, { graph }: Model): PareError {
  const holder = graph.nodes.find(({ attributes }) => [...attributes.values()].some(({ kind }) => kind === 'graph'))
  const nested = holder && `: what is within ${holder.op} '${holder.name || holder.outputs[0]}' is not trained`
  const why = frozen === undefined ? (nested ?? '') : `: '${frozen[0]}' not, since ${frozen[1]}`
  return new PareError(`retrain: the model has no parameter that can be trained${why}.`, {
    hint: 'pare inspect MODEL lists its weights; what include and exclude name must leave some.',
  })
}

function weightsIn(arena: Arena, statistics: readonly RunningStatistics[]): Weights {
  const weights = arena.area('weights')
  const stored = statistics.flatMap(({ mean, variance, stored: own }) => [
    { id: mean, values: own.mean },
    { id: variance, values: own.variance },
  ])
  const best = { weights: weights.slice(), statistics: stored.map(({ values }) => values.slice()) }
  const matrices = arena.tensors.filter(({ shape }) => shape.length > 1)
  const numbers = new Map<string, Uint8Array>()
  for (const area of AREAS)
    if (arena.starts[area] !== undefined && area !== 'gradients') numbers.set(area, bytesOf(arena.area(area)))
  numbers.set('mask', arena.maskBytes)
  for (const { id, values } of stored) numbers.set(`statistic ${id}`, bytesOf(values))
  numbers.set('best weights', bytesOf(best.weights))
  for (const [i, { id }] of stored.entries()) numbers.set(`best statistic ${id}`, bytesOf(best.statistics[i]!))
  return {
    ...{ arena, statistics, numbers },
    tensors: [
      ...arena.tensors.map(({ name, shape }) => ({ id: name, shape })),
      ...stored.map(({ id, values }) => ({ id, shape: [values.length] })),
    ],
    elements: matrices.reduce((sum, { elements }) => sum + elements, 0),
    zeros: () =>
      matrices.reduce((sum, tensor) => sum + zerosOf(best.weights.subarray(tensor.first, tensor.first + tensor.elements)), 0),
    keep() {
      best.weights.set(weights)
      for (const [i, { values }] of stored.entries()) best.statistics[i]!.set(values)
    },
    kept() {
      const parts = [
        ...arena.tensors.map(({ first, elements }) => best.weights.subarray(first, first + elements)),
        ...best.statistics,
      ]
      return joinWeights(parts)
    },
  }
}

/** Numbers of several arrays, one after another. */
export function joinWeights(parts: readonly Float32Array[]): Uint8Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return bytesOf(all)
}

async function statisticsOf(model: Model, { statistics }: Pick<Graphs, 'statistics'>): Promise<RunningStatistics[]> {
  const constants = constantsOf(model.graph)
  const read = async (name: string) => {
    const tensor = constants.get(name)
    if (tensor?.type !== 'float32') throw noStatistic(name, tensor)
    return new Float32Array((await readAll(tensor.data)).buffer)
  }
  const all: RunningStatistics[] = []
  for (const each of statistics) {
    const stored = { mean: await read(each.mean), variance: await read(each.variance) }
    const batch = { mean: new Float32Array(stored.mean.length), variance: new Float32Array(stored.variance.length) }
    all.push({ ...each, stored, batch })
  }
  return all
}

function noStatistic(name: string, tensor: Tensor | undefined): PareError {
  const problem = tensor === undefined ? 'is computed' : `is ${tensor.type}`
  return new PareError(
    `retrain: '${name}', a statistic of a BatchNormalization, ${problem}, and only stored f32 numbers can follow the batches.`,
    {
      hint: "say statistics: 'keep', and normalisations stay as they are.",
    },
  )
}

/** Bits of what is not zero; none where nothing is. */
export function maskOf(values: Float32Array): Uint8Array | undefined {
  if (zerosOf(values) === 0) return undefined
  const bits = new Uint8Array(Math.ceil(values.length / 8))
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) bits[i >>> 3]! |= 1 << (i & 7)
  return bits
}

/** Whether a bit of a mask is set. */
export function hasBit(bits: Uint8Array, element: number): boolean {
  return ((bits[element >>> 3]! >> (element & 7)) & 1) === 1
}

export function zerosOf(values: Float32Array): number {
  let zeros = 0
  for (let i = 0; i < values.length; i++) if (values[i] === 0) zeros++
  return zeros
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function checkMasks(masks: ReadonlyMap<string, Uint8Array> | undefined, trainable: readonly Trainable[]): void {
  for (const { id, tensor } of trainable) {
    const mask = masks?.get(id)
    const expected = Math.ceil(elementCount(tensor.shape) / 8)
    if (mask !== undefined && mask.length !== expected)
      throw new PareError(
        `retrain: the mask of '${id}' has ${mask.length} bytes, expected ${expected}: one bit for each of [${tensor.shape}].`,
        {
          hint: 'make the mask for this model.',
        },
      )
  }
}
