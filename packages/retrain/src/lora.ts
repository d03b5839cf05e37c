import {
  attributesOf,
  editGraph,
  editModel,
  editNode,
  elementCount,
  type Model,
  makeNode,
  makeTensor,
  type Node,
  PareError,
  readAll,
  type Tensor,
  usesOf,
} from '@pare/onnx'
import { randomBelow, streamOf } from './data/random.js'
import { type Trainable, type TrainableOptions, trainableTensors } from './graph/trainable.js'
import { hasBit, joinWeights, maskOf, type StoredTensor, type Weights } from './graph/weights.js'

/** Trains two thin matrices beside each weight instead of the weight (LoRA: Hu et al. 2021, arXiv 2106.09685). */
export interface LoraOptions {
  /** Columns of the one and rows of the other; at most what the weight has. */
  readonly rank: number
  /** Their product is multiplied with alpha ÷ rank. Default: twice the rank */
  readonly alpha?: number
  /** Globs over names of weights, or of nodes that read them. Default: all that is trained otherwise and is multiplied */
  readonly targets?: readonly string[]
}

/** A weight w that is trained as w + s · mask ⊙ (A · B). */
export interface AdaptedWeight {
  readonly id: string
  readonly tensor: Tensor
  /** Names of A f32[…, rows, rank] and B f32[…, rank, columns]. */
  readonly names: readonly [first: string, second: string]
  readonly rank: number
  readonly scale: number
  /** Bits of what may change. Undefined: all of it */
  readonly mask: Uint8Array | undefined
  readonly values: Float32Array
}

/** What is trained instead of weights, in numbers. */
export interface LoraFacts {
  readonly rank: number
  readonly alpha: number
  /** How many weights are trained so. */
  readonly weights: number
  /** Numbers that are trained, and numbers of these weights. */
  readonly trained: number
  readonly elements: number
}

export interface AdaptedModel {
  readonly facts: LoraFacts
  readonly model: Model
  readonly weights: readonly AdaptedWeight[]
  /** The thin matrices. */
  readonly trainable: readonly Trainable[]
}

export interface LoraRequest extends TrainableOptions {
  readonly lora: LoraOptions
  /** Bits of what is kept, by name. Default: what is not zero */
  readonly masks?: ReadonlyMap<string, Uint8Array>
  readonly seed: number
}

/**
 * The model with weights that are computed from themselves and two thin matrices: A is uniform within ±1 ÷ √rows, B is 0, so that it computes the same at first. Tables
 * that are looked up in, convolutions and vectors stay as they are. Throws PareError where nothing is multiplied.
 */
export async function withLora(model: Model, request: LoraRequest): Promise<AdaptedModel> {
  const { lora, seed } = request
  const { rank, alpha = 2 * rank, targets } = lora
  const tensors = await trainableTensors(model, { ...request, ...(targets && { include: targets }) })
  const isTarget = productsIn(model)
  const weights: AdaptedWeight[] = []
  for (const { id, tensor } of tensors.filter(isTarget)) {
    const values = new Float32Array((await readAll(tensor.data)).buffer)
    const own = Math.min(rank, ...tensor.shape.slice(-2))
    const mask = request.masks === undefined ? maskOf(values) : request.masks.get(id)
    weights.push({ id, tensor, names: [`${id}/lora_A`, `${id}/lora_B`], rank: own, scale: alpha / rank, mask, values })
  }
  if (weights.length === 0) throw noTarget(tensors)
  const trainable = weights.flatMap((weight, i) => matricesOf(weight, streamOf(seed, i)))
  const facts = { rank, alpha, weights: weights.length, trained: elementsOf(trainable), elements: elementsOf(weights) }
  return { facts, model: adapted(model, weights, trainable), weights, trainable }
}

function elementsOf(all: readonly Trainable[]): number {
  return all.reduce((sum, { tensor }) => sum + elementCount(tensor.shape), 0)
}

/** Throws PareError where thin matrices cannot be as they are wanted. */
export function checkLora({ rank, alpha = 1 }: LoraOptions, isMoving: boolean): void {
  const wrong = [
    ...(Number.isInteger(rank) && rank >= 1 ? [] : [`rank is ${rank}, expected a whole number from 1 on`]),
    ...(alpha > 0 && alpha < Number.POSITIVE_INFINITY ? [] : [`alpha is ${alpha}, expected a number above 0`]),
    ...(isMoving ? ['movement pruning looks at how weights move, and with lora they do not'] : []),
  ]
  if (wrong.length === 0) return
  throw new PareError(`retrain: lora: ${wrong.join('; ')}.`, {
    hint: 'say lora: 8, or lora: { rank: 8, alpha: 16 }; without movement.',
  })
}

/** Operators that multiply with a weight, or turn it over for one that does. */
const PRODUCTS = new Set([
  'MatMul',
  'Gemm',
  'FusedMatMul',
  'FusedGemm',
  'Einsum',
  'Transpose',
  'Identity',
  'Attention',
  'QAttention',
])

function productsIn(model: Model): (trainable: Trainable) => boolean {
  const uses = usesOf(model.graph)
  return ({ id, tensor: { shape } }) =>
    shape.length > 1 &&
    (uses.consumers.get(id) ?? []).every(({ op, inputs }) => PRODUCTS.has(op) && inputs.includes(id)) &&
    Math.min(...shape) > 1
}

function noTarget([first]: readonly Trainable[]): PareError {
  const what = first === undefined ? '' : `; '${first.id}' [${first.tensor.shape}] is not multiplied, or is looked up in`
  return new PareError(`retrain: lora finds no weight of a matrix product${what}.`, {
    hint: 'name weights of MatMul or Gemm with targets, or train without lora.',
  })
}

function matricesOf({ tensor, names, rank }: AdaptedWeight, stream: ReturnType<typeof streamOf>): Trainable[] {
  const [rows, columns] = tensor.shape.slice(-2) as [number, number]
  const lead = tensor.shape.slice(0, -2)
  const shapes = [
    [...lead, rows, rank],
    [...lead, rank, columns],
  ] as const
  const bound = 1 / Math.sqrt(rows)
  const first = Float32Array.from(
    { length: elementCount(shapes[0]) },
    (_, i) => (randomBelow(stream, i, 2 ** 32) / 2 ** 31 - 1) * bound,
  )
  const values = [first, new Float32Array(elementCount(shapes[1]))]
  return names.map((name, i) => ({
    id: name,
    tensor: makeTensor({ name, type: 'float32', shape: shapes[i]!, values: values[i]! }),
  }))
}

/**
 * The model with thin matrices. Where all of a weight may change, x · (w + s · A · B) is x · w + s · (x · A) · B: the product of the matrices is never made, and no
 * gradient of the whole weight either. Where a mask lies over it, or it is not read by a plain product, w + s · mask ⊙ (A · B) takes its place.
 */
function adapted(model: Model, weights: readonly AdaptedWeight[], trainable: readonly Trainable[]): Model {
  const { graph } = model
  const uses = usesOf(graph)
  const thin = new Map(
    weights
      .filter(
        ({ id, tensor, mask }) => mask === undefined && tensor.shape.length === 2 && uses.consumers.get(id)!.every(isPlain(id)),
      )
      .map((weight) => [weight.id, weight]),
  )
  const whole = weights.filter(({ id }) => !thin.has(id)).map(wholeWeight)
  const made = new Map(whole.map(({ id, name }) => [id, name]))
  const constants = [...whole.flatMap((each) => each.constants), ...[...thin.values()].map(scaleOf)]
  const readers = graph.nodes.flatMap((node) => {
    const weight = thin.get(node.inputs[1] ?? '')
    if (weight !== undefined) return besideProduct(node, weight)
    if (!node.inputs.some((name) => made.has(name))) return [node]
    return [editNode(node, { inputs: node.inputs.map((name) => made.get(name) ?? name) })]
  })
  // Constants of nodes come before what reads them.
  const [before, behind] = [readers.filter(({ op }) => op === 'Constant'), readers.filter(({ op }) => op !== 'Constant')]
  const initializers = [...graph.initializers, ...constants, ...trainable.map(({ tensor }) => tensor)]
  const nodes = [...before, ...whole.flatMap((each) => each.nodes), ...behind]
  return editModel(model, { graph: editGraph(graph, { nodes, initializers }) })
}

/** Whether a node multiplies rows with a weight from the right, and does nothing else with it. */
function isPlain(id: string): (node: Node) => boolean {
  return (node) => {
    if (node.inputs[1] !== id || node.inputs.filter((name) => name === id).length > 1) return false
    return node.op === 'MatMul' || (node.op === 'Gemm' && attributesOf(node).int('transA', 0) === 0)
  }
}

const scaleOf = ({ id, scale }: AdaptedWeight) =>
  makeTensor({ name: `${id}/lora_scale`, type: 'float32', shape: [], values: [scale] })

/** The product as it was, with s · (x · A) · B beside it. Of a weight that is turned over, s · (x · Bᵀ) · Aᵀ. */
function besideProduct(node: Node, { id, names }: AdaptedWeight): Node[] {
  const [output] = node.outputs as [string]
  const [base, thin, scaled, added] = ['base', 'thin', 'scaled', 'added'].map((part) => `${output}/lora_${part}`) as [
    ...[string, string, string, string],
  ]
  const { op } = node
  const attributes = attributesOf(node)
  const isTurned = op === 'Gemm' && attributes.int('transB', 0) === 1
  const [near, far] = isTurned ? [names[1], names[0]] : names
  const turn = isTurned ? { transB: 1n } : {}
  const alpha = op === 'Gemm' ? { alpha: attributes.float('alpha', 1) } : {}
  return [
    editNode(node, { outputs: [base] }),
    makeNode({ op, inputs: [node.inputs[0]!, near], outputs: [thin], attributes: turn }),
    makeNode({ op: 'Mul', inputs: [thin, `${id}/lora_scale`], outputs: [scaled] }),
    makeNode({ op, inputs: [scaled, far], outputs: [added], attributes: { ...turn, ...alpha } }),
    makeNode({ op: 'Add', inputs: [base, added], outputs: [output] }),
  ]
}

interface WholeWeight {
  readonly id: string
  /** Of w + s · mask ⊙ (A · B). */
  readonly name: string
  readonly nodes: readonly Node[]
  readonly constants: readonly Tensor[]
}

function wholeWeight(weight: AdaptedWeight): WholeWeight {
  const { id, tensor, names, mask } = weight
  const [name, scaled, product, masked] = ['', '_s', '_AB', '_masked'].map((part) => `${id}/lora${part}`) as [
    ...[string, string, string, string],
  ]
  const constants: Tensor[] = [scaleOf(weight)]
  const nodes = [
    makeNode({ op: 'Mul', inputs: [names[0], `${id}/lora_scale`], outputs: [scaled] }),
    makeNode({ op: 'MatMul', inputs: [scaled, names[1]], outputs: [product] }),
  ]
  if (mask !== undefined) {
    const kept = Array.from({ length: elementCount(tensor.shape) }, (_, at) => Number(hasBit(mask, at)))
    constants.push(makeTensor({ name: `${id}/lora_kept`, type: 'bool', shape: tensor.shape, values: kept }))
    constants.push(makeTensor({ name: `${id}/lora_zero`, type: 'float32', shape: [], values: [0] }))
    nodes.push(makeNode({ op: 'Where', inputs: [`${id}/lora_kept`, product, `${id}/lora_zero`], outputs: [masked] }))
  }
  nodes.push(makeNode({ op: 'Add', inputs: [id, mask === undefined ? product : masked], outputs: [name] }))
  return { id, name, nodes, constants }
}

/** The same training as one of the weights themselves: what comes back of it are w + s · mask ⊙ (A · B). What is masked is the zero that it was. */
export function merged(trained: Weights, weights: readonly AdaptedWeight[]): Weights {
  const { arena } = trained
  const zeros = weights.reduce((sum, { values }) => sum + values.reduce((count, value) => count + Number(value === 0), 0), 0)
  const statistics = trained.tensors.slice(arena.tensors.length)
  return {
    ...trained,
    elements: weights.reduce((sum, { values }) => sum + values.length, 0),
    zeros: () => zeros,
    tensors: [...weights.map(({ id, tensor: { shape } }): StoredTensor => ({ id, shape })), ...statistics],
    kept() {
      const bytes = trained.kept()
      const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
      const matrices = new Map<string, Float32Array>()
      let at = 0
      for (const { name, elements } of arena.tensors) {
        matrices.set(name, all.subarray(at, at + elements))
        at += elements
      }
      return joinWeights([...weights.map((weight) => mergedValues(weight, matrices)), all.subarray(at)])
    },
  }
}

function mergedValues(
  { tensor, names, rank, scale, mask, values }: AdaptedWeight,
  matrices: ReadonlyMap<string, Float32Array>,
): Float32Array {
  const [first, second] = names.map((name) => matrices.get(name)!) as [Float32Array, Float32Array]
  const columns = tensor.shape.at(-1)!
  const rows = tensor.shape.at(-2)!
  const result = values.slice()
  const sum = new Float64Array(columns)
  for (let row = 0; row * columns < values.length; row++) {
    sum.fill(0)
    const begin = Math.floor(row / rows) * rank * columns
    for (let k = 0; k < rank; k++) {
      const factor = scale * first[row * rank + k]!
      for (let column = 0; column < columns; column++) sum[column] = sum[column]! + factor * second[begin + k * columns + column]!
    }
    for (let column = 0; column < columns; column++) {
      const at = row * columns + column
      if (mask === undefined || hasBit(mask, at)) result[at] = values[at]! + sum[column]!
    }
  }
  return result
}
