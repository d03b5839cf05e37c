import { attributesOf, keyOf, type Node, operatorName } from '@pare/onnx'
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
  axesAt(output: string, input: number): readonly Axis[] | undefined
  axesOf(name: string): readonly Axis[] | undefined
  /** Shape of a value or constant of the main graph. */
  shapeOf(name: string): readonly number[] | undefined
  numbers(name: string): readonly number[] | undefined
}

export interface SizesRead {
  /** Axes whose sizes a value is computed from. */
  readonly of: ReadonlyMap<string, readonly Axis[]>
  /** Axes whose sizes are computed with in a way that is not followed, by the node that does. */
  readonly held: ReadonlyMap<Node, readonly Axis[]>
}

/**
 * Follows sizes from Shape and Size to the nodes that take them, element by element. A size that ends in the target of a Reshape is written anew when
 * the axis is cut; one that ends elsewhere, as √headDim does in a scale, would change what is computed.
 */
export function findSizesRead(facts: SizeFacts): SizesRead {
  const sizes = new Map<string, readonly Size[]>()
  const held = new Map<Node, readonly Axis[]>()
  for (const node of facts.nodes) {
    const outputs = madeBy(node, sizes, facts)
    if (outputs !== undefined) {
      if (outputs.some(({ from }) => from.length > 0)) sizes.set(keyOf(node), outputs)
      continue
    }
    const axes = node.inputs.flatMap((name, i) => axesReadBy(node, i, { list: sizes.get(name) ?? [], facts }))
    if (axes.length > 0) held.set(node, axes)
  }
  return { of: new Map([...sizes].map(([name, list]) => [name, [...new Set(list.flatMap(({ from }) => from))]])), held }
}

/** Inputs that a cut writes anew. */
const SIZE_INPUTS: ReadonlyMap<string, readonly number[]> = new Map([
  ['Reshape', [1]],
  ['Expand', [1]],
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

/** The sizes in the output of a node that reads, moves or computes with sizes; undefined for any other node. */
function madeBy(node: Node, sizes: ReadonlyMap<string, readonly Size[]>, facts: SizeFacts): readonly Size[] | undefined {
  const name = operatorName(node)
  const { int } = attributesOf(node)
  const axes = facts.axesAt(keyOf(node), 0) ?? []
  if (name === 'Shape') return axes.slice(int('start', 0), int('end')).map((axis) => ({ from: [axis], is: axis }))
  if (name === 'Size') return [{ from: axes }]
  const inputs = node.inputs.map((input) => sizes.get(input))
  if (inputs.every((each) => each === undefined)) return undefined
  const count = facts.shapeOf(keyOf(node))?.reduce((all, size) => all * size, 1)
  if (count === undefined) return undefined
  if (SAME.has(name)) return inputs[0]
  if (name === 'Concat') return node.inputs.flatMap((input, i) => inputs[i] ?? constants(facts.shapeOf(input)))
  const picked = name === 'Gather' || name === 'Slice' ? picks(node, facts, count) : undefined
  if (picked !== undefined) return picked.map((at) => inputs[0]?.[at] ?? CONSTANT)
  if (!COMPUTED.has(name)) return undefined
  return Array.from({ length: count }, (_, i) => ({
    from: inputs.flatMap((list) => (list?.length === count ? list[i]!.from : (list ?? []).flatMap(({ from }) => from))),
  }))
}

const SAME: ReadonlySet<string> = new Set('Identity Cast Squeeze Unsqueeze Reshape Flatten'.split(' '))
const COMPUTED: ReadonlySet<string> = new Set('Add Sub Mul Div Mod Min Max Equal Where Not Neg Floor Ceil'.split(' '))

const CONSTANT: Size = { from: [] }

function constants(shape: readonly number[] | undefined): Size[] {
  return Array.from({ length: shape?.reduce((all, size) => all * size, 1) ?? 1 }, () => CONSTANT)
}

/** Positions that a Gather or Slice takes out of a list of sizes. Undefined: not known. */
function picks(node: Node, { shapeOf, numbers }: SizeFacts, count: number): readonly number[] | undefined {
  const [length, ...more] = shapeOf(node.inputs[0]!) ?? []
  const at = attributesOf(node).ints('starts') ?? numbers(node.inputs[1] ?? '')
  if (length === undefined || more.length > 0 || at === undefined) return undefined
  if (node.op === 'Gather') return at.map((index) => (index < 0 ? index + length : index))
  const first = at[0]! < 0 ? Math.max(at[0]! + length, 0) : at[0]!
  const steps = (node.inputs[4] ?? '') === '' ? [1] : numbers(node.inputs[4]!)
  return steps?.[0] === 1 ? Array.from({ length: count }, (_, i) => first + i) : undefined
}
