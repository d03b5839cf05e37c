import { attributesOf, keyOf, type Node, operatorName, sourcesOf } from '@pare/onnx'
import { type Axis, rootOf } from '../dependency/axis.js'

/** An element of a value that holds sizes. */
interface Size {
  /** The axes whose sizes it is computed from. */
  readonly from: readonly Axis[]
  /** The axis whose size it is, where nothing is computed. */
  readonly is?: Axis
}

/** What following sizes needs to know of a model. */
export interface SizeFacts {
  /** Of the main graph, in order. */
  readonly nodes: readonly Node[]
  opset(node: Node): number
  axesAt(output: string, input: number): readonly Axis[] | undefined
  axesOf(name: string): readonly Axis[] | undefined
  /** Shape of a value or constant of the main graph. */
  shapeOf(name: string): readonly number[] | undefined
  numbers(name: string): readonly number[] | undefined
  /** Elements of a small value, each undefined where it is not always the same. */
  elements(name: string): readonly (number | undefined)[] | undefined
}

/** For each element, in row-major order, the axes whose sizes it is computed from. */
export type AxesRead = readonly (readonly Axis[])[]

export interface SizesRead {
  /** By value. */
  readonly of: ReadonlyMap<string, AxesRead>
  /** Axes whose sizes are computed with in a way that is not followed, by the node that does. */
  readonly held: ReadonlyMap<Node, readonly Axis[]>
}

/**
 * Follows sizes from Shape and Size to the nodes that take them, element by element. A size that ends in the target of a Reshape is written anew when
 * the axis is cut; one that ends elsewhere, as √headDim does in a scale, would change what is computed.
 */
export function findSizesRead(facts: SizeFacts): SizesRead {
  const sizes: Sizes = new Map()
  const held = new Map<Node, readonly Axis[]>()
  for (const node of facts.nodes) {
    if (!READS_SIZES.has(operatorName(node)) && !node.inputs.some((name) => sizes.has(name))) continue
    const outputs = madeBy(node, sizes, facts)
    for (const [i, list] of (outputs?.lists ?? []).entries())
      if (list.some(({ from }) => from.length > 0)) sizes.set(node.outputs[i]!, list)
    const axes = node.inputs.flatMap((name, i) =>
      outputs?.through.has(i) ? [] : axesReadBy(node, i, { list: sizes.get(name) ?? [], facts }),
    )
    if (axes.length > 0) held.set(node, axes)
  }
  return { of: new Map([...sizes].map(([name, list]) => [name, list.map(({ from }) => from)])), held }
}

const READS_SIZES: ReadonlySet<string> = new Set(['Shape', 'Size'])

type Sizes = Map<string, readonly Size[]>

/** Inputs that a cut writes anew. */
const SIZE_INPUTS: ReadonlyMap<string, readonly number[]> = new Map([
  ['Reshape', [1]],
  ['Expand', [1]],
  ['ConstantOfShape', [0]],
  ['Split', [1]],
  ['Slice', [1, 2]],
])

/** Axes whose sizes a node takes from an input and computes with. A Resize to the sizes that its output's axes have anyway takes none. */
function axesReadBy(node: Node, input: number, { list, facts }: { list: readonly Size[]; facts: SizeFacts }): readonly Axis[] {
  const name = operatorName(node)
  if (SIZE_INPUTS.get(name)?.includes(input)) return []
  const out = name === 'Resize' && input === 3 && !node.attributes.has('axes') ? facts.axesOf(keyOf(node)) : undefined
  return list
    .filter(({ is }, i) => is === undefined || out?.[i] === undefined || rootOf(is) !== rootOf(out[i]))
    .flatMap(({ from }) => from)
}

interface Made {
  /** One list an output. */
  readonly lists: readonly (readonly Size[])[]
  /** Inputs whose elements are found in the outputs again, or do not matter. */
  readonly through: ReadonlySet<number>
}

/** The sizes in the outputs of a node that reads, moves or computes with sizes; undefined for any other node. */
function madeBy(node: Node, sizes: Sizes, facts: SizeFacts): Made | undefined {
  const name = operatorName(node)
  const { int } = attributesOf(node)
  const axes = facts.axesAt(keyOf(node), 0) ?? []
  // Of a list of sizes its shape is no size of theirs.
  const read = (list: readonly Size[]) => ({ lists: [list], through: new Set([0]) })
  if (name === 'Shape') return read(axes.slice(int('start', 0), int('end')).map((axis) => ({ from: [axis], is: axis })))
  if (name === 'Size') return read([{ from: axes }])
  if (!node.inputs.some((input) => sizes.has(input))) return undefined
  const sources = sourcesOf(node, {
    opset: facts.opset(node),
    shape: (input) => facts.shapeOf(node.inputs[input] ?? ''),
    outputShape: (output) => facts.shapeOf(node.outputs[output]!),
    // What depends on sizes says nothing of where elements go once something is cut.
    numbers: (input) => (sizes.has(node.inputs[input] ?? '') ? undefined : facts.numbers(node.inputs[input] ?? '')),
  })
  if (sources === undefined || (!sources.isMoved && !node.inputs.every(isFollowed))) return undefined
  const through = new Set(sources.outputs.flat(2).map(({ input }) => input))
  const size = ({ input, element }: { input: number; element: number }): Size =>
    sizes.get(node.inputs[input]!)?.[element] ?? CONSTANT
  if (sources.isMoved)
    return { lists: sources.outputs.map((list) => list.map(([source]) => (source ? size(source) : CONSTANT))), through }
  if (isNeverNegative(node, sizes, facts)) return { lists: sources.outputs.map((list) => list.map(() => CONSTANT)), through }
  return {
    lists: sources.outputs.map((list) => list.map((from) => ({ from: [...new Set(from.flatMap((each) => size(each).from))] }))),
    through,
  }

  function isFollowed(input: string): boolean {
    return input === '' || sizes.has(input) || facts.elements(input) !== undefined
  }
}

/** Whether a node compares sizes as they are with numbers below 0, as exporters do who look for −1 in a target: no cut changes what comes out. */
function isNeverNegative(node: Node, sizes: Sizes, facts: SizeFacts): boolean {
  if (operatorName(node) !== 'Equal') return false
  const lists = node.inputs.map((input) => sizes.get(input))
  const isSize = (input: number) => lists[input]?.every(({ from, is }) => from.length === 0 || is !== undefined) ?? false
  const isNegative = (input: number) =>
    lists[input] === undefined && (facts.numbers(node.inputs[input]!)?.every((number) => number < 0) ?? false)
  return (isSize(0) && isNegative(1)) || (isSize(1) && isNegative(0))
}

const CONSTANT: Size = { from: [] }
