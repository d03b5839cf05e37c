import {
  editGraph,
  editModel,
  editNode,
  editValueInfo,
  keyOf,
  type Model,
  makeNode,
  makeTensor,
  type Node,
  operatorName,
  PareError,
  present,
  type Tensor,
  type ValueInfo,
  withoutDead,
  withTensors,
} from '@pare/onnx'
import type { Axis } from '../dependency/axis.js'
import type { Dependencies } from '../dependency/dependencies.js'
import { opsetOf } from '../dependency/opset.js'
import type { Absence } from '../experts/absence.js'
import { flattened } from '../nested/flatten.js'
import { RESIZE } from '../sizes/resize.js'
import type { NewSize, Resizing, Share } from '../sizes/resizing.js'
import { resized } from './gated.js'
import { keptPositions, type Removals } from './remaining.js'
import { rename, sliceConstants } from './slice-constants.js'

/** The model without the units that go: every constant sliced, every size that a node holds rewritten. The model itself is not changed. */
export function cut(whole: Model, dependencies: Dependencies, removals: Removals): Model {
  const { model, nest } = flattened(whole)
  const { own, shared, inputs } = sliceConstants(dependencies.constants, (axis) => keptPositions(axis, removals))
  const sliced = withTensors(model, (tensor, id) => own.get(id) ?? tensor)
  const added: Tensor[] = [...shared]
  const absence = dependencies.experts.absence((axis) => removals.get(axis))
  const nodes = withoutAbsent(sliced.graph.nodes, absence, model.graph.outputs).flatMap((node) =>
    resize(rename(node, inputs), { opsets: model.opsets, dependencies, removals, added }),
  )
  const { graph } = sliced
  const values = graph.values.flatMap((value) => stated(value, dependencies.values.get(value.name) ?? [], removals))
  // An initializer may stand among the inputs too.
  const axes = new Map([...dependencies.constants.map(({ id, axes }) => [id, axes] as const), ...dependencies.values])
  const after = (value: ValueInfo) => declared(value, axes.get(value.name) ?? [], removals)
  const edited = editGraph(graph, {
    inputs: graph.inputs.map(after),
    outputs: graph.outputs.map(after),
    nodes,
    values,
    initializers: [...graph.initializers, ...added],
  })
  return nest(withoutDead(model, editModel(sliced, { graph: edited })))
}

/** Nodes without stretches that go with experts: what these were added to takes the place of the sum. Throws PareError where something needs more of them. */
function withoutAbsent(nodes: readonly Node[], absence: Absence | undefined, outputs: readonly ValueInfo[]): readonly Node[] {
  if (absence === undefined) return nodes
  const { stuck, instead, dropped } = absence
  if (stuck !== undefined)
    throw new PareError(
      `'${stuck.value}' of experts that go is read by ${stuck.node?.op ?? 'an output'}, which needs it as long as others stay.`,
      {
        hint: 'remove fewer experts at once, or others.',
      },
    )
  const gone = new Set([...absence.nodes].map(keyOf))
  const left = new Map([...dropped].map(([node, inputs]) => [keyOf(node), inputs]))
  const ends = new Set(outputs.map(({ name }) => name))
  const last = (name: string): string => {
    const other = instead.get(name)
    return other === undefined ? name : last(other)
  }
  return nodes.flatMap((node) => {
    const out = keyOf(node)
    if (gone.has(out))
      return ends.has(out) && instead.has(out) ? [makeNode({ op: 'Identity', inputs: [last(out)], outputs: [out] })] : []
    const inputs = node.inputs.filter((_, i) => !left.get(out)?.has(i)).map(last)
    return inputs.length === node.inputs.length && inputs.every((name, i) => name === node.inputs[i])
      ? [node]
      : [editNode(node, { inputs })]
  })
}

/** What the model says of an input or output: its part of a cache may be smaller. */
function declared(value: ValueInfo, axes: readonly Axis[], removals: Removals): ValueInfo {
  const shape = resized(value, axes, removals)
  return shape?.some((size, i) => size !== value.shape![i]) ? editValueInfo(value, { shape }) : value
}

/** What the model says of a value within, where that can be said anew: without it, inference ends where sizes are computed. */
function stated(value: ValueInfo, axes: readonly Axis[], removals: Removals): ValueInfo[] {
  const after = axes.map((axis) => keptPositions(axis, removals).length)
  const isCut = (i: number) => after[i] !== axes[i]?.size
  if (!axes.some((_, i) => isCut(i))) return [value]
  const { shape = [] } = value
  if (shape.length !== axes.length || shape.some((size, i) => isCut(i) && typeof size === 'number' && size !== axes[i]!.size))
    return []
  const now = shape.map((size, i) => (isCut(i) ? (typeof size === 'number' ? after[i] : undefined) : size))
  return [editValueInfo(value, { shape: now })]
}

/** In TensorProto. */
const INT64 = 7n

interface Resized {
  readonly opsets: Model['opsets']
  readonly dependencies: Dependencies
  readonly removals: Removals
  /** Collects. */
  readonly added: Tensor[]
}

/** The node with its new sizes, behind the nodes that compute them. */
function resize(node: Node, { opsets, dependencies, removals, added }: Resized): Node[] {
  const rewrite = RESIZE.get(operatorName(node))
  if (rewrite === undefined) return [node]
  const { axesAt, values, numbers, elements, isFixed, sizesRead } = dependencies
  const before: Node[] = []
  const constant: Resizing['constant'] = (list, { shape, type = 'int64' } = {}) => {
    const name = `${keyOf(node)}/sizes${added.length}`
    added.push(makeTensor({ name, type, values: list, ...present({ shape }) }))
    return name
  }
  const compute = (op: string, inputs: readonly string[], attributes: Readonly<Record<string, bigint>> = {}) => {
    const output = `${keyOf(node)}/computed${before.length}`
    before.push(makeNode({ op, inputs, outputs: [output], attributes }))
    return output
  }
  const resized = rewrite({
    node,
    opset: opsetOf(opsets, node),
    removals,
    input: (index) => axesAt(keyOf(node), index),
    output: (index) => values.get(node.outputs[index]!),
    value: (index) => numbers(node.inputs[index]!),
    elements: (index) => elements(node.inputs[index] ?? ''),
    isFixed: (output, axis) => isFixed(node.outputs[output]!, axis),
    positions: (index) => dependencies.positions(node.inputs[index] ?? ''),
    typeOf: (index) => dependencies.typeOf(node.inputs[index] ?? ''),
    sizesRead: (index) => sizesRead.get(node.inputs[index] ?? '') ?? [],
    constant,
    sizes(input, list) {
      if (list.every((size) => typeof size === 'number')) return constant(list)
      const sizes = list.slice(-axesAt(keyOf(node), input)![0]!.size)
      const isShare = (size: NewSize): size is Share => typeof size === 'object'
      // Bounds of a Slice may have 32 bits.
      const sizesNow = node.op === 'Slice' ? compute('Cast', [node.inputs[input]!], { to: INT64 }) : node.inputs[input]!
      const times = sizes.map((size) => (isShare(size) ? size.now : Number(size === undefined)))
      const multiplied = compute('Mul', [sizesNow, constant(times)])
      const kept = sizes.some(isShare)
        ? compute('Div', [multiplied, constant(sizes.map((size) => (isShare(size) ? size.before : 1)))])
        : multiplied
      return compute('Add', [kept, constant(sizes.map((size) => (typeof size === 'number' ? size : 0)))])
    },
  })
  return [...before, resized]
}
