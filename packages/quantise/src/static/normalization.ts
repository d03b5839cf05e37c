import {
  attributesOf,
  editGraph,
  editModel,
  editNode,
  editTensor,
  keyOf,
  type Model,
  madeBy,
  makeTensor,
  type Node,
  operatorName,
  readAll,
  type Tensor,
  type Uses,
  usesOf,
  withoutDead,
} from '@pare/onnx'
import { scaledAlong } from '../scaled.js'
import { floats } from '../scales.js'

/**
 * The model with each BatchNormalization that follows a convolution in that convolution's weight and bias, computed in f64 and rounded to f32 once. Zeros stay
 * zeros, and values keep their names: the convolution makes what the normalisation made. The model itself where there is none.
 */
export async function withoutNormalization(model: Model): Promise<Model> {
  const { graph } = model
  const uses = usesOf(graph)
  const folds = graph.nodes.flatMap((node) => foldOf(node, uses) ?? [])
  if (folds.length === 0) return model
  const tensors: Tensor[] = []
  const changes = new Map<string, Node>()
  for (const { conv, normalization, weight, factors } of folds) {
    const name = conv.inputs[1]!
    const { factor, shift } = await factors()
    tensors.push(editTensor(scaledAlong(weight, 0, factor), { name }))
    const bias = freeName(`${normalization.outputs[0]}_bias`, uses)
    const old = conv.inputs[2] ? floats(await readAll(constantBehind(conv.inputs[2], uses)!.data)) : undefined
    const values = shift.map((own, unit) => own + (old?.[unit] ?? 0) * factor[unit]!)
    tensors.push(makeTensor({ name: bias, type: 'float32', shape: [values.length], values: Float32Array.from(values) }))
    // Conv(x, W, b) then BN  =  Conv(x, W · γ/√(σ²+ε), (b − μ) · γ/√(σ²+ε) + β)
    changes.set(keyOf(conv), editNode(conv, { inputs: [conv.inputs[0]!, name, bias], outputs: [normalization.outputs[0]!] }))
  }
  const gone = new Set(folds.map(({ normalization }) => keyOf(normalization)))
  const replaced = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const added = tensors.filter(({ name }) => !graph.initializers.some((each) => each.name === name))
  const stored = new Set(added.map(({ name }) => name))
  const nodes = graph.nodes
    .filter((node) => !gone.has(keyOf(node)) && !stored.has(node.outputs[0]!))
    .map((node) => changes.get(keyOf(node)) ?? node)
  const initializers = [...graph.initializers.map((tensor) => replaced.get(tensor.name) ?? tensor), ...added]
  return withoutDead(model, editModel(model, { graph: editGraph(graph, { nodes, initializers }) }))
}

interface Fold {
  readonly conv: Node
  readonly normalization: Node
  readonly weight: Tensor
  factors(): Promise<Factors>
}

/** f64[units] each. */
interface Factors {
  readonly factor: Float64Array
  readonly shift: Float64Array
}

/** Undefined where the node is no convolution whose only reader is a BatchNormalization with stored statistics. */
function foldOf(conv: Node, uses: Uses): Fold | undefined {
  if (operatorName(conv) !== 'Conv') return undefined
  const [out] = conv.outputs
  const readers = uses.consumers.get(out!) ?? []
  const [normalization] = readers
  if (readers.length !== 1 || uses.outputs.has(out!) || normalization === undefined) return undefined
  if (operatorName(normalization) !== 'BatchNormalization' || normalization.inputs[0] !== out) return undefined
  const attributes = attributesOf(normalization)
  if (attributes.int('training_mode', 0) === 1 || madeBy(normalization).length > 1) return undefined
  const vectors = normalization.inputs.slice(1).map((name) => constantBehind(name, uses))
  const weight = uses.constants.get(conv.inputs[1]!)
  const bias = conv.inputs[2] ? constantBehind(conv.inputs[2], uses) : null
  if (
    weight === undefined ||
    bias === undefined ||
    [weight, bias, ...vectors].some((each) => each?.type !== 'float32' && each !== null)
  )
    return undefined
  // Another reader of the weight would get the scaled one.
  if (
    uses.of(conv.inputs[1]!).length !== 1 ||
    uses.consumers.get(conv.inputs[1]!)!.length !== 1 ||
    uses.outputs.has(conv.inputs[1]!)
  )
    return undefined
  const epsilon = attributes.float('epsilon', 1e-5)
  return {
    ...{ conv, normalization, weight },
    async factors() {
      const [gamma, beta, mean, variance] = await Promise.all(vectors.map(async (tensor) => floats(await readAll(tensor!.data))))
      const factor = Float64Array.from(gamma!, (value, unit) => value / Math.sqrt(variance![unit]! + epsilon))
      return { factor, shift: factor.map((value, unit) => beta![unit]! - mean![unit]! * value) }
    },
  }
}

/** The constant that a value is, also where it goes through Identity: exporters store equal vectors once. */
export function constantBehind(
  name: string,
  { constants, producers }: Pick<Uses, 'constants' | 'producers'>,
): Tensor | undefined {
  const producer = producers.get(name)
  const isSame = producer !== undefined && operatorName(producer) === 'Identity'
  return constants.get(name) ?? (isSame ? constantBehind(producer.inputs[0]!, { constants, producers }) : undefined)
}

function freeName(wanted: string, { constants, producers, inputs }: Uses): string {
  let name = wanted
  for (let i = 2; constants.has(name) || producers.has(name) || inputs.has(name); i++) name = `${wanted}_${i}`
  return name
}
