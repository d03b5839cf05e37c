import { attributesOf } from '../graph/attributes.js'
import { operatorName } from '../graph/operator-name.js'
import type { Node } from '../model.js'
import { spread } from './rules/elementwise.js'
import { type InferenceFacts, MOST_ELEMENTS, type OperatorCall, product } from './rules/rule.js'
import { ruleOf } from './rules/rules.js'

/** An element of an input of a node: the place in row-major order. */
export interface ElementSource {
  readonly input: number
  readonly element: number
}

/** What the elements of a node's outputs are made of. */
export interface ElementSources {
  /** Whether each element is the one element that it comes from, or a constant of the operator's own where it comes from none. */
  readonly isMoved: boolean
  /** One list an output, with the sources of each element. */
  readonly outputs: readonly (readonly (readonly ElementSource[])[])[]
}

/** What is known of the inputs and outputs of a node. */
export interface ElementFacts {
  readonly opset: number
  shape(input: number): readonly number[] | undefined
  /** Of an output. */
  outputShape(output: number): readonly number[] | undefined
  /** Elements of a small input. */
  numbers(input: number): readonly number[] | undefined
}

/**
 * Which elements of its inputs the elements of a node's small outputs are made of, where the operator moves elements about, computes with them one by one, or
 * reduces them. Undefined for other operators, for outputs of more than 4,096 elements, and where it is not known what goes where.
 */
export function sourcesOf(node: Node, facts: ElementFacts): ElementSources | undefined {
  const shapes = node.outputs.map((_, i) => facts.outputShape(i))
  if (shapes.some((shape) => shape === undefined || product(shape) > MOST_ELEMENTS)) return undefined
  const name = operatorName(node)
  const moved = movedInputs(node, facts)
  if (moved !== undefined) {
    const outputs = movedFrom(node, moved, facts)
    return outputs && { isMoved: true, outputs }
  }
  const [shape] = shapes
  if (COMBINING.has(name)) return combined(node, shape!, facts)
  if (!GATHERING.has(name)) return undefined
  const all = elementsOf(0, facts)
  return all && { isMoved: false, outputs: [Array.from({ length: product(shape!) }, () => all)] }
}

/** Inputs whose elements are found again in the outputs; undefined where the node computes. */
function movedInputs(node: Node, { numbers }: ElementFacts): readonly number[] | undefined {
  const name = operatorName(node)
  if (name === 'Concat') return [...node.inputs.keys()]
  if (name === 'Where') return numbers(0) === undefined ? undefined : [1, 2]
  if (name.startsWith('Scatter') && attributesOf(node).string('reduction', 'none') !== 'none') return undefined
  return MOVING.get(name)
}

const MOVING: ReadonlyMap<string, readonly number[]> = new Map([
  ...each('Identity Cast Squeeze Unsqueeze Reshape Flatten Transpose Slice Gather GatherElements', [0]),
  ...each('GatherND Expand Tile Split Trilu', [0]),
  ...each('ScatterND ScatterElements Pad', [0, 2]),
])

function each(names: string, inputs: readonly number[]): (readonly [string, readonly number[]])[] {
  return names.split(' ').map((name) => [name, inputs] as const)
}

/** Operators of single elements, with broadcasting. */
const COMBINING: ReadonlySet<string> = new Set(
  `Add Sub Mul Div Mod Min Max Sum Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor Where Not Neg Abs Floor Ceil Round Sign Relu Clip`.split(
    ' ',
  ),
)

/** Operators whose elements each come from many of the first input. */
const GATHERING: ReadonlySet<string> = new Set('ReduceProd ReduceSum ReduceMax ReduceMin CumSum'.split(' '))

/** The operator's own rule, applied to labels instead of elements: 0 is a constant, and each element of the moved inputs has a number of its own. */
function movedFrom(node: Node, moved: readonly number[], facts: ElementFacts): ElementSources['outputs'] | undefined {
  const sources: ElementSource[] = []
  const labels = new Map<number, InferenceFacts>()
  for (const input of moved) {
    const elements = elementsOf(input, facts)
    if (elements === undefined) {
      if ((node.inputs[input] ?? '') === '') continue
      return undefined
    }
    labels.set(input, { type: 'int64', numbers: elements.map((_, i) => sources.length + i + 1) })
    sources.push(...elements)
  }
  const made = ruleOf(node.domain, node.op)?.(labelled(node, labels, facts))
  const outputs = node.outputs.map((_, i) => made?.[i]?.value?.numbers.map((label) => (label === 0 ? [] : [sources[label - 1]!])))
  return outputs.includes(undefined) ? undefined : (outputs as ElementSources['outputs'])
}

function labelled(node: Node, labels: ReadonlyMap<number, InferenceFacts>, facts: ElementFacts): OperatorCall {
  const attributes = attributesOf(node)
  return {
    ints: attributes.ints,
    float: attributes.float,
    floats: attributes.floats,
    string: attributes.string,
    // A type has nothing to say of where elements are.
    int: ((name: string, otherwise: number) => (name === 'to' ? INT64 : attributes.int(name, otherwise))) as OperatorCall['int'],
    node,
    opset: facts.opset,
    branch: undefined,
    count: () => undefined,
    shape: facts.shape,
    value(input) {
      const numbers = facts.numbers(input)
      return labels.get(input) ?? (numbers && { type: 'int64', numbers })
    },
    has: (input) => (node.inputs[input] ?? '') !== '',
    tensor: () => undefined,
    graph: () => [],
  }
}

/** In TensorProto. */
const INT64 = 7

function combined(node: Node, shape: readonly number[], facts: ElementFacts): ElementSources | undefined {
  const lists: (readonly ElementSource[])[] = []
  for (const [input, name] of node.inputs.entries()) {
    const [from, elements] = [facts.shape(input), elementsOf(input, facts)]
    if (from === undefined || elements === undefined) {
      if (name === '') continue
      return undefined
    }
    lists.push(spread([...elements.keys()], from, shape).map((at) => elements[at]!))
  }
  return { isMoved: false, outputs: [Array.from({ length: product(shape) }, (_, i) => lists.map((list) => list[i]!))] }
}

function elementsOf(input: number, { shape }: ElementFacts): readonly ElementSource[] | undefined {
  const count = product(shape(input) ?? [MOST_ELEMENTS + 1])
  return count > MOST_ELEMENTS ? undefined : Array.from({ length: count }, (_, element) => ({ input, element }))
}
