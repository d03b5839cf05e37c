import type { Node } from '@pare/onnx'
import { operatorName } from '../operators.js'
import type { Axis } from './axis.js'

/** For each element of a value that holds sizes, the axes whose sizes it is computed from. */
type Elements = readonly (readonly Axis[])[]

/** What following sizes needs to know of a model. */
export interface SizesAsked {
  /** Of the main graph, in order. */
  readonly nodes: readonly Node[]
  axesAt(output: string, input: number): readonly Axis[] | undefined
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
export function findSizesRead(asked: SizesAsked): SizesRead {
  const elements = new Map<string, Elements>()
  const held = new Map<Node, readonly Axis[]>()
  for (const node of asked.nodes) {
    const made = madeBy(node, elements, asked)
    if (made !== undefined) {
      if (made.some((axes) => axes.length > 0)) elements.set(node.outputs[0]!, made)
      continue
    }
    const rewritten = WRITTEN.get(operatorName(node)) ?? []
    const taken = node.inputs.flatMap((name, i) => (rewritten.includes(i) ? [] : (elements.get(name) ?? []).flat()))
    if (taken.length > 0) held.set(node, taken)
  }
  return { of: new Map([...elements].map(([name, list]) => [name, [...new Set(list.flat())]])), held }
}

/** Inputs that a cut writes anew. */
const WRITTEN: ReadonlyMap<string, readonly number[]> = new Map([
  ['Reshape', [1]],
  ['Expand', [1]],
  ['Split', [1]],
  ['Slice', [1, 2]],
])

/** The sizes in the output of a node that reads, moves or computes with sizes; undefined for any other node. */
function madeBy(node: Node, elements: ReadonlyMap<string, Elements>, asked: SizesAsked): Elements | undefined {
  const name = operatorName(node)
  const axes = asked.axesAt(node.outputs[0]!, 0) ?? []
  if (name === 'Shape') return axes.slice(...bounds(node)).map((axis) => [axis])
  if (name === 'Size') return [axes]
  const inputs = node.inputs.map((input) => elements.get(input))
  if (inputs.every((each) => each === undefined)) return undefined
  const count = asked.shapeOf(node.outputs[0]!)?.reduce((all, size) => all * size, 1)
  if (count === undefined) return undefined
  if (SAME.has(name)) return inputs[0]
  if (name === 'Concat') return node.inputs.flatMap((input, i) => inputs[i] ?? blanks(asked.shapeOf(input)))
  const picked = name === 'Gather' || name === 'Slice' ? picks(node, asked, count) : undefined
  if (picked !== undefined) return picked.map((at) => inputs[0]?.[at] ?? [])
  if (!COMPUTED.has(name)) return undefined
  const lists = inputs.map((each) => each ?? [])
  return Array.from({ length: count }, (_, i) => lists.flatMap((list) => (list.length === count ? list[i]! : list.flat())))
}

const SAME: ReadonlySet<string> = new Set('Identity Cast Squeeze Unsqueeze Reshape Flatten'.split(' '))
const COMPUTED: ReadonlySet<string> = new Set('Add Sub Mul Div Mod Min Max Equal Where Not Neg Floor Ceil'.split(' '))

const blanks = (shape: readonly number[] | undefined): Elements =>
  Array.from({ length: shape?.reduce((all, size) => all * size, 1) ?? 1 }, () => [])

function bounds({ attributes }: Node): [number, number | undefined] {
  const [start, end] = ['start', 'end'].map((name) => attributes.get(name))
  return [start?.kind === 'int' ? Number(start.value) : 0, end?.kind === 'int' ? Number(end.value) : undefined]
}

/** Positions that a Gather or Slice takes out of a list of sizes. */
function picks(node: Node, { shapeOf, numbers }: SizesAsked, count: number): readonly number[] | undefined {
  const length = shapeOf(node.inputs[0]!)?.[0]
  const at = numbers(node.inputs[1] ?? '')
  if (length === undefined || shapeOf(node.inputs[0]!)!.length !== 1 || at === undefined) return undefined
  const first = at[0]! < 0 ? Math.max(at[0]! + length, 0) : at[0]!
  if (node.op === 'Gather') return at.map((index) => (index < 0 ? index + length : index))
  const steps = node.inputs[4] === undefined || node.inputs[4] === '' ? [1] : numbers(node.inputs[4])
  return steps?.[0] === 1 ? Array.from({ length: count }, (_, i) => first + i) : undefined
}
