import { attributesOf, madeBy, type Node, readAll, type Uses, valuesOf } from '@pare/onnx'
import type { Activation } from '../kernels/activations.js'
import { erf } from '../kernels/rationals.js'

/** Nodes that together are one function of each number of a value, and what comes out. */
export interface ActivationNodes {
  readonly nodes: readonly Node[]
  readonly activation: Activation
  /** Name of the result. */
  readonly result: string
}

/** More nodes make no activation that is known. */
const MOST_NODES = 10
/** Relative, and absolute below 1: constants of models are f32. */
const TOLERANCE = 2e-6
const SAMPLES = Array.from({ length: 41 }, (_, i) => (i - 20) * 0.3 + 0.01)

/**
 * The largest set of nodes from `value` on that is an activation of ours: nodes of numbers and constants are computed for some numbers, and the results decide,
 * so that it does not matter how an exporter writes a function. Undefined where there is none, or where someone else reads a value in between.
 */
export async function activationAfter(value: string, uses: Uses): Promise<ActivationNodes | undefined> {
  const numbers = new Map<string, readonly number[]>([[value, SAMPLES]])
  const nodes: Node[] = []
  const pending = [...(uses.consumers.get(value) ?? [])]
  let largest: ActivationNodes | undefined
  while (pending.length > 0 && nodes.length < MOST_NODES) {
    const node = pending.shift()!
    if (nodes.includes(node)) continue
    const result = await computed(node, { numbers, uses })
    if (result === undefined) continue
    nodes.push(node)
    numbers.set(node.outputs[0]!, result)
    pending.push(...(uses.consumers.get(node.outputs[0]!) ?? []))
    const end = openEnd(numbers, nodes, uses)
    const activation = end === undefined || end === value ? undefined : recognise(numbers.get(end)!)
    if (activation !== undefined) largest = { nodes: [...nodes], activation, result: end! }
  }
  return largest
}

/** The one value that is read outside of the nodes; undefined where there are several. */
function openEnd(
  numbers: ReadonlyMap<string, unknown>,
  nodes: readonly Node[],
  { consumers, outputs }: Uses,
): string | undefined {
  const open = [...numbers.keys()].filter(
    (name) => outputs.has(name) || (consumers.get(name) ?? []).some((node) => !nodes.includes(node)),
  )
  return open.length === 1 ? open[0] : undefined
}

function recognise(results: readonly number[]): Activation | undefined {
  const candidates = Object.entries(FUNCTIONS) as [Activation, (x: number) => number][]
  return candidates.find(([, of]) =>
    SAMPLES.every((x, i) => Math.abs(of(x) - results[i]!) <= TOLERANCE * Math.max(1, Math.abs(results[i]!))),
  )?.[0]
}

export const FUNCTIONS: Readonly<Record<Activation, (x: number) => number>> = {
  relu: (x) => Math.max(x, 0),
  sigmoid: (x) => sigmoid(x),
  tanh: Math.tanh,
  silu: (x) => x * sigmoid(x),
  gelu: (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  'gelu-tanh': (x) => geluTanh(x),
  'quick-gelu': (x) => x * sigmoid(1.702 * x),
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const geluTanh = (x: number) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))

type Numbers = readonly number[]

/** Operators of ai.onnx over two numbers. */
export const BINARY: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Pow: (a, b) => a ** b,
}

const UNARY: Readonly<Record<string, (x: number, node: Node) => number>> = {
  Relu: FUNCTIONS.relu,
  Sigmoid: FUNCTIONS.sigmoid,
  Tanh: Math.tanh,
  Erf: erf,
  Neg: (x) => -x,
  Exp: Math.exp,
  Reciprocal: (x) => 1 / x,
  Swish: (x, node) => x * sigmoid(attributesOf(node).float('alpha', 1) * x),
  Gelu: (x, node) => (attributesOf(node).string('approximate') === 'tanh' ? geluTanh(x) : FUNCTIONS.gelu(x)),
}

const MICROSOFT: Readonly<Record<string, (x: number, node: Node) => number>> = {
  Gelu: FUNCTIONS.gelu,
  FastGelu: geluTanh,
  QuickGelu: (x, node) => x * sigmoid(attributesOf(node).float('alpha', 1.702) * x),
}

/** What a node gives for the numbers; undefined where it is no function of them alone. */
async function computed(
  node: Node,
  { numbers, uses }: { numbers: ReadonlyMap<string, Numbers>; uses: Uses },
): Promise<Numbers | undefined> {
  if (madeBy(node).length !== 1) return undefined
  const inputs = await Promise.all(node.inputs.map(async (name) => numbers.get(name) ?? (await scalar(name, uses))))
  if (inputs.some((each) => each === undefined)) return undefined
  const [a, b] = inputs as [Numbers, Numbers?]
  const unary = node.domain === '' ? UNARY[node.op] : node.domain === 'com.microsoft' ? MICROSOFT[node.op] : undefined
  if (unary !== undefined && inputs.length === 1) return a.map((x) => unary(x, node))
  const binary = node.domain === '' ? BINARY[node.op] : undefined
  return binary === undefined || b === undefined ? undefined : a.map((x, i) => binary(x, b[i]!))
}

/** A constant of one element, which must not add axes. */
async function scalar(name: string, { constants }: Uses): Promise<Numbers | undefined> {
  const tensor = constants.get(name)
  if (tensor === undefined || tensor.type !== 'float32' || tensor.shape.length > 1 || (tensor.shape[0] ?? 1) !== 1)
    return undefined
  const [value] = valuesOf(tensor.type, await readAll(tensor.data))
  return SAMPLES.map(() => Number(value))
}
