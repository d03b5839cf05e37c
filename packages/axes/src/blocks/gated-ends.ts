import {
  type DataType,
  dataTypeCode,
  editGraph,
  editModel,
  editNode,
  type Model,
  makeNode,
  makeTensor,
  type Node,
  operatorName,
} from '@pare/onnx'
import type { BlockGroup } from '../units.js'
import { residualSumOf, SKIP_NORMS } from './flow.js'
import { addendsOf, withAddends, withSumOutputs } from './skip-norms.js'

/** Blocks, and the input f32[units] that holds a factor for each. */
export interface BlockFactors {
  readonly group: BlockGroup
  readonly input: string
}

/** The model with the end of each block replaced by g · end + (1 − g) · beginning, g from an input. Caches stay as they are. */
export function withGatedEnds(model: Model, factors: readonly BlockFactors[]): Model {
  if (factors.length === 0) return model
  const opset = model.opsets.get('') ?? 1
  const ends = new Map(
    factors.flatMap(({ group, input }) =>
      group.blocks.map(({ from, to }, unit) => [to, { from, to, input, unit, type: typeOf(group) }]),
    ),
  )
  const nodes = model.graph.nodes.flatMap((node) => gatedAt(node, ends, opset))
  const units = Math.max(...factors.map(({ group }) => group.units))
  const numbers = [
    makeTensor({ name: ONE, type: 'float32', shape: [], values: [1] }),
    ...Array.from({ length: units }, (_, unit) => makeTensor({ name: at(unit), type: 'int64', shape: [], values: [unit] })),
  ]
  const graph = editGraph(model.graph, { nodes: withSumOutputs(nodes), initializers: [...model.graph.initializers, ...numbers] })
  return editModel(model, { graph })
}

const typeOf = ({ slices }: BlockGroup): DataType => slices.find(({ scored }) => scored)?.tensor.type ?? 'float32'

const ONE = 'gates/one'
const at = (unit: number) => `gates/unit${unit}`

/** The end of a block: where it begins, and its factor. */
interface End {
  /** Type of the block's weights, and so of what flows through it. */
  readonly type: DataType
  readonly from: string
  readonly to: string
  readonly input: string
  readonly unit: number
}

function gatedAt(node: Node, ends: ReadonlyMap<string, End>, opset: number): Node[] {
  const sum = SKIP_NORMS.has(operatorName(node)) ? ends.get(residualSumOf(node)) : undefined
  if (sum !== undefined) return gatedSum(node, sum, opset)
  const name = node.outputs.find((output) => ends.has(output))
  if (name === undefined) return [node]
  const end = ends.get(name)!
  const whole = `${name}/whole`
  const outputs = node.outputs.map((output) => (output === name ? whole : output))
  return [editNode(node, { outputs }), ...blended(end, { whole, as: name, opset })]
}

/** The sum inside a fused normalisation: blended before it, and 0 added within. */
function gatedSum(node: Node, end: End, opset: number): Node[] {
  const { to } = end
  const [first, ...others] = addendsOf(node)
  const terms = others.map((other, i) =>
    makeNode({ op: 'Add', inputs: [i === 0 ? first! : `${to}/whole${i - 1}`, other], outputs: [`${to}/whole${i}`] }),
  )
  const whole = `${to}/whole${terms.length - 1}`
  const blend = `${to}/blended`
  return [
    ...terms,
    ...blended(end, { whole, as: blend, opset }),
    makeNode({ op: 'Sub', inputs: [blend, blend], outputs: [`${to}/zero`] }),
    withAddends(node, [blend, `${to}/zero`], to),
  ]
}

/** g · end + (1 − g) · beginning. */
function blended(
  { from, to, input, unit, type }: End,
  { whole, as, opset }: { whole: string; as: string; opset: number },
): Node[] {
  const name = (what: string) => `${to}/gate/${what}`
  const cast = (of: string, output: string) =>
    opset >= 15
      ? makeNode({ op: 'CastLike', inputs: [of, whole], outputs: [output] })
      : makeNode({ op: 'Cast', inputs: [of], outputs: [output], attributes: { to: BigInt(dataTypeCode(type)) } })
  return [
    makeNode({ op: 'Gather', inputs: [input, at(unit)], outputs: [name('unit')], attributes: { axis: 0n } }),
    cast(name('unit'), name('g')),
    cast(ONE, name('one')),
    makeNode({ op: 'Sub', inputs: [name('one'), name('g')], outputs: [name('rest')] }),
    makeNode({ op: 'Mul', inputs: [whole, name('g')], outputs: [name('end')] }),
    makeNode({ op: 'Mul', inputs: [from, name('rest')], outputs: [name('beginning')] }),
    makeNode({ op: 'Add', inputs: [name('end'), name('beginning')], outputs: [as] }),
  ]
}
