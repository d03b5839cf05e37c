import { attributesOf, type Node, operatorName } from '@pare/onnx'
import { type Axis, factorsOf, isAtom, rootOf } from '../dependency/axis.js'

/** What the walk through a graph collects of how tokens are sent to experts. Everything of it is made of what TopK, ArgMax or Softmax look at. */
export interface Routing {
  /** Axes of a router's numbers, with what is said of them where they turn out not to be experts: "TopK 'n' works along it". */
  readonly competitions: Map<Axis, string>
  /** Values whose numbers are positions of an axis: which experts were chosen. */
  readonly positions: Map<string, Axis>
  /** Values that are 0 or false at positions of an axis that were not chosen. */
  readonly vanishing: Map<string, Axis>
  /** Values that are 0 throughout. */
  readonly zeros: Set<string>
  /** Where a single expert is taken. */
  readonly picks: Pick[]
  /** Where single values are put side by side, one for each expert. */
  readonly stacks: Stack[]
}

/** A node that takes one position of the axis. */
export interface Pick {
  readonly axis: Axis
  readonly unit: number
  /** What it gives: 0 or false throughout where the expert was not chosen, if `vanishes`. */
  readonly value: string
  readonly vanishes: boolean
  readonly node: Node
}

/** A Concat of as many single positions as the axis has: input i is position i. */
export interface Stack {
  readonly axis: Axis
  readonly node: Node
}

export const noRouting = (): Routing => ({
  competitions: new Map(),
  positions: new Map(),
  vanishing: new Map(),
  zeros: new Set(),
  picks: [],
  stacks: [],
})

/** Whether numbers along an axis may be those of a router: a weight makes them, and some of them are chosen. */
export function isRouted(axis: Axis | undefined): axis is Axis {
  return axis !== undefined && isAtom(rootOf(axis)) && isOfRouter(axis)
}

/** The same, and of an axis of groups × experts of each group. */
export function isRoutedInGroups(axis: Axis | undefined): axis is Axis {
  return axis !== undefined && factorsOf(axis).every((factor) => isAtom(factor) && isOfRouter(factor))
}

function isOfRouter(axis: Axis): boolean {
  const { roles } = rootOf(axis)
  return roles.has('chosen') && roles.has('matmul-out')
}

/** Inputs whose elements an operator gives again as they are, in another arrangement, each maybe several times. Undefined: none. */
function movedInputs(node: Node): readonly number[] | undefined {
  const name = operatorName(node)
  if (name === 'Concat') return [...node.inputs.keys()]
  return MOVES.has(name) ? [0] : undefined
}

const MOVES = new Set('Transpose Reshape Squeeze Unsqueeze Flatten Slice Split Expand Tile Identity Gather'.split(' '))
const WHOLE_TYPES = new Set([2, 3, 4, 5, 6, 7, 12, 13])

/** What numbers of chosen experts become. Returns the inputs at which a node only moves them, or asks for their shape. */
export function passPositions(node: Node, { positions }: Routing): ReadonlySet<number> {
  if (!node.inputs.some((name) => positions.has(name))) return NONE
  if (node.op === 'Shape' || node.op === 'Size') return new Set([0])
  const isCast = node.op === 'Cast' && WHOLE_TYPES.has(attributesOf(node).int('to', 0))
  const moved = isCast ? [0] : movedInputs(node)
  const along = moved?.map((input) => positions.get(node.inputs[input]!))
  const axis = along?.[0] && rootOf(along[0])
  if (axis === undefined || along!.some((each) => each === undefined || rootOf(each) !== axis)) return NONE
  for (const name of node.outputs) positions.set(name, axis)
  return new Set(moved)
}

const NONE: ReadonlySet<number> = new Set()

interface Around {
  readonly outputs: readonly (readonly Axis[] | undefined)[]
  /** Elements of a small constant input. */
  numbers(input: number): readonly number[] | undefined
}

/** Which outputs of a node are 0 where experts were not chosen, since its inputs are. */
export function passVanishing(node: Node, { vanishing, zeros }: Routing, { outputs, numbers }: Around): void {
  const isZero = (input: number) =>
    zeros.has(node.inputs[input] ?? '') || (numbers(input)?.every((number) => number === 0) ?? false)
  const axes = node.inputs.map((name) => vanishing.get(name))
  if (isMoved(node) && isZero(0)) for (const name of node.outputs) zeros.add(name)
  const axis = vanishes(node, axes, isZero)
  if (axis === undefined) return
  for (const [i, name] of node.outputs.entries())
    if (outputs[i]?.some((each) => rootOf(each) === rootOf(axis))) vanishing.set(name, axis)
}

const isMoved = (node: Node) => movedInputs(node)?.length === 1 || node.op === 'Cast' || node.op === 'CastLike'

function vanishes(node: Node, axes: readonly (Axis | undefined)[], isZero: (input: number) => boolean): Axis | undefined {
  const all = (inputs: readonly number[]) => {
    const named = inputs.filter((input) => !isZero(input))
    return named.length > 0 && named.every((input) => axes[input] !== undefined) ? axes[named[0]!] : undefined
  }
  switch (operatorName(node)) {
    case 'Mul':
    case 'And':
      return axes[0] ?? axes[1]
    case 'Div':
    case 'Cast':
    case 'CastLike':
    case 'Abs':
    case 'Neg':
    case 'Sqrt':
    case 'Relu':
    case 'ReduceSum':
      return axes[0]
    case 'Greater':
      return isZero(1) ? axes[0] : undefined
    case 'Add':
    case 'Sub':
    case 'Or':
    case 'Sum':
    case 'Max':
    case 'Concat':
      return all([...node.inputs.keys()])
    case 'Where':
      return all([1, 2]) ?? (isZero(2) ? axes[0] : undefined)
    default:
      return isMoved(node) ? axes[0] : undefined
  }
}
