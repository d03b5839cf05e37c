import {
  attributesOf,
  editGraph,
  editModel,
  editNode,
  GraphWriter,
  keyOf,
  type Model,
  NewTensors,
  type Node,
  operatorName,
  PareError,
  readAll,
  type Tensor,
  type Uses,
  usesOf,
  withoutDead,
} from '@pare/onnx'
import { unitScalesOnGrid } from '../grid.js'
import { floats, MOST_CODE, MOST_OF_TWO, unitCodes, unitLargest } from '../scales.js'
import type { QuantisedWeight } from '../step.js'
import { type ActivationRange, type ActivationScale, scaleOfRange } from './activation.js'
import { type IntegerGraph, type IntegerProduct, integerGraph } from './integer-graph.js'
import { constantBehind } from './normalization.js'

/**
 * The model with values rounded by QuantizeLinear and DequantizeLinear around products with these weights, as ONNX Runtime fuses them: weights are int8 with a
 * scale for each output unit, biases int32 with the product of both scales. BatchNormalization is in the weights already.
 */
export async function withIntegers(
  model: Model,
  weights: readonly Pick<QuantisedWeight, 'id' | 'onGrid'>[],
  activations: readonly ActivationRange[],
): Promise<Model> {
  const { graph } = model
  const integers = await integerGraph(model, new Set(weights.map(({ id }) => id)))
  const onGrid = new Set(weights.flatMap((weight) => (weight.onGrid ? [weight.id] : [])))
  const ranges = new Map(activations.map((range) => [range.id, range]))
  const scales = new Map(
    [...integers.values].map(([id, { like }]) => {
      const range = ranges.get(like)
      if (range === undefined) throw noRange(like)
      return [id, scaleOfRange(range)]
    }),
  )
  const writer = new GraphWriter(graph, 'static')
  const tensors = new NewTensors(graph)
  const products = await writeWeights(model, { integers, scales, onGrid }, { writer, tensors })
  const values = roundedValues({ integers, scales }, { writer, tensors })
  const outputs = new Set(graph.outputs.map(({ name }) => name))
  const written: Node[] = [...writer.nodes.splice(0)]
  const flush = () => written.push(...writer.nodes.splice(0))
  for (const { name } of graph.inputs) values.round(name, name)
  flush()
  for (const node of graph.nodes) {
    const own = products.get(keyOf(node)) ?? node
    // A value that is made in integers and leaves the model is written by the node that makes floats of it.
    const renamed = node.outputs.map((name) => (outputs.has(name) && integers.values.get(name)?.isMade ? `${name}/float` : name))
    written.push(editNode(own, { inputs: own.inputs.map((name, i) => values.readBy(node, name, i)), outputs: renamed }))
    for (const [i, name] of node.outputs.entries()) values.round(name, renamed[i]!)
    flush()
  }
  const initializers = [...graph.initializers, ...writer.constants, ...tensors.all]
  return withoutDead(model, editModel(model, { graph: editGraph(graph, { nodes: written, initializers }) }))
}

interface Integers {
  readonly integers: IntegerGraph
  /** Of rounded values, by name. */
  readonly scales: ReadonlyMap<string, ActivationScale>
}

interface Writers {
  readonly writer: GraphWriter
  readonly tensors: NewTensors
}

/** Products that read rounded weights and biases, by key. What makes floats of them is written. */
async function writeWeights(
  { graph }: Model,
  { integers, scales, onGrid }: Integers & { readonly onGrid: ReadonlySet<string> },
  { writer, tensors }: Writers,
): Promise<Map<string, Node>> {
  const all = usesOf(graph)
  const { constants } = all
  const products = new Map<string, Node>()
  const byWeight = new Map<string, IntegerProduct[]>()
  for (const product of integers.products.values())
    byWeight.set(product.weight, [...(byWeight.get(product.weight) ?? []), product])
  for (const [id, uses] of byWeight) {
    const weight = constants.get(id)!
    const [{ axis, units }] = uses as [IntegerProduct]
    const biases = await Promise.all(uses.map(({ node }) => biasOf(node, all)))
    const inputs = uses.map(({ node }) => scales.get(node.inputs[0]!)!.scale)
    const most = Math.min(...uses.map((use) => mostCode(use, weight)))
    const largest = await unitLargest(weight, axis)
    const grid = onGrid.has(id) ? await unitScalesOnGrid(weight, axis, { least: -most, most, outermost: most }) : undefined
    const reached = grid === undefined ? largest : largest.map((size, unit) => (size > 0 ? grid[unit]! * most : 0))
    const own = scalesWithRoom(reached, biases, { inputs, mostCode: most })
    const codes = tensors.add(`${id}_int8`, {
      ...{ type: 'int8', shape: weight.shape },
      data: unitCodes(weight, { axis, scales: own, type: 'int8' }),
    })
    const scale = tensors.add(`${id}_scale`, { type: 'float32', shape: [units], values: own })
    const zeros = tensors.add(`${id}_zero`, { type: 'int8', shape: [units], values: new Int8Array(units) })
    const rounded = writer.node('DequantizeLinear', [codes, scale, zeros], { axis: BigInt(axis) })
    for (const [i, { node }] of uses.entries()) {
      const bias = biases[i]
      const steps = own.map((value) => Math.fround(value * inputs[i]!))
      const added = bias === undefined ? [] : [writeBias(node.outputs[0]!, bias, steps)]
      products.set(keyOf(node), editNode(node, { inputs: [node.inputs[0]!, rounded, ...added] }))
    }
  }
  return products

  function writeBias(name: string, bias: Float32Array, steps: Float32Array): string {
    const shape = [bias.length]
    const codes = tensors.add(`${name}_bias_int32`, {
      ...{ type: 'int32', shape },
      values: Int32Array.from(bias, (value, unit) => Math.round(value / steps[unit]!)),
    })
    const scale = tensors.add(`${name}_bias_scale`, { type: 'float32', shape, values: steps })
    return writer.node('DequantizeLinear', [codes, scale], { axis: 0n })
  }
}

function mostCode({ node, units }: IntegerProduct, { shape }: Tensor): number {
  const isDepthwise = operatorName(node) === 'Conv' && shape[1] === 1 && attributesOf(node).int('group', 1) === units
  return isDepthwise ? MOST_CODE : MOST_OF_TWO
}

async function biasOf(node: Node, uses: Uses): Promise<Float32Array | undefined> {
  const name = node.inputs[2] ?? ''
  return name === '' ? undefined : floats(await readAll(constantBehind(name, uses)!.data))
}

/** Codes of a bias stay below this, so that sums of 32 bits have room for the products. */
const MOST_BIAS = 2 ** 30
/** Of a unit whose weights are all zero only the bias counts: its codes are about as large. */
const ONLY_BIAS = 2 ** 20

/** f32[units]: scales of a weight, larger than its elements ask for where its bias would not fit 32 bits. */
function scalesWithRoom(
  largest: Float32Array,
  biases: readonly (Float32Array | undefined)[],
  { inputs, mostCode }: { readonly inputs: readonly number[]; readonly mostCode: number },
): Float32Array {
  return largest.map((most, unit) => {
    const least = (codes: number) => Math.max(0, ...biases.map((bias, i) => Math.abs(bias?.[unit] ?? 0) / (inputs[i]! * codes)))
    return most > 0 ? Math.max(most / mostCode, least(MOST_BIAS)) : least(ONLY_BIAS) || 1
  })
}

interface RoundedValues {
  /** Rounds a value, if it is one of those that are: `made` is what it is called where it is made. */
  round(id: string, made: string): void
  /** What a node reads in the place of an input. */
  readBy(node: Node, name: string, input: number): string
}

function roundedValues({ integers, scales }: Integers, { writer, tensors }: Writers): RoundedValues {
  const { products, between, values } = integers
  const rounded = new Map<string, string>()
  const constantOf = new Map<string, readonly [scale: string, zero: string]>()
  return {
    round(id, made) {
      const value = values.get(id)
      if (value === undefined) return
      const [scale, zero] = constantsOf(value.like, scales.get(id)!)
      const codes = writer.own('QuantizeLinear', [made, scale, zero])
      const floats = made === id ? writer.name() : id
      writer.write('DequantizeLinear', [codes, scale, zero], [floats])
      rounded.set(id, floats)
    },
    readBy(node, name, input) {
      const value = values.get(name)
      if (value === undefined) return name
      const key = keyOf(node)
      const isInteger = value.isMade || between.has(key) || (input === 0 && products.has(key))
      return isInteger ? rounded.get(name)! : name
    },
  }

  function constantsOf(id: string, { scale, zero }: ActivationScale): readonly [string, string] {
    const own = constantOf.get(id) ?? [
      tensors.add(`${id}_scale`, { type: 'float32', shape: [], values: [scale] }),
      tensors.add(`${id}_zero`, { type: 'uint8', shape: [], values: [zero] }),
    ]
    constantOf.set(id, own)
    return own
  }
}

function noRange(value: string): PareError {
  return new PareError(`the plan has no range for '${value}', which this model computes in integers.`, {
    hint: 'replay a plan on the model it was made for; its path and hash stand at the top of the plan.',
  })
}
