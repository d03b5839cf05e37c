import { attributesOf, type Node, operatorName } from '@pare/onnx'

/**
 * What a value is to a network in which a token is never sent to an expert. zero: 0 or false throughout. empty: without elements, as tokens of that expert are.
 * other: something that is not told here.
 */
type State = 'zero' | 'empty' | 'other'

/** A graph, as far as it is needed to leave stretches of it out. */
export interface Paths {
  /** Nodes that read a value, in the order of the graph. */
  readonly readers: ReadonlyMap<string, readonly Node[]>
  /** How often a value is an input of a node or an output of the graph. */
  readonly reads: ReadonlyMap<string, number>
  readonly makers: ReadonlyMap<string, Node>
  /** Place in the graph. */
  readonly order: ReadonlyMap<Node, number>
  shapeOf(value: string): readonly number[] | undefined
  numbers(value: string): readonly number[] | undefined
}

/** What is left out with experts that are gone. */
export interface Absence {
  /** Values that become others: what was added to them is 0. */
  readonly instead: ReadonlyMap<string, string>
  /** Inputs that nodes no longer read, by their places. */
  readonly dropped: ReadonlyMap<Node, ReadonlySet<number>>
  /** Nodes that go. */
  readonly nodes: ReadonlySet<Node>
  /** Values and constants that nothing reads any more. */
  readonly unread: ReadonlySet<string>
  /** Values that should have gone, and the node that still needs something of them. */
  readonly stuck?: { readonly value: string; readonly node: Node | undefined }
}

/** What goes from a graph when values are 0 throughout, and inputs of nodes are left out. Linear in what goes, times its logarithm. */
export function absenceOf(
  paths: Paths,
  zeros: readonly string[],
  left: readonly { readonly node: Node; readonly input: number }[] = [],
): Absence {
  const states = new Map<string, State>(zeros.map((name) => [name, 'zero']))
  const instead = new Map<string, string>()
  const dropped = new Map<Node, Set<number>>()
  for (const { node, input } of left) drop(dropped, node, input)
  let trouble: Node | undefined
  const queue = new Queue(paths.order)
  for (const name of zeros) queue.add(paths.readers.get(name))
  for (let node = queue.next(); node !== undefined; node = queue.next()) {
    const outcome = outcomeOf(node, { states, instead, paths })
    if (outcome.kind === 'state') {
      if (outcome.state === 'other') trouble ??= node
      for (const name of node.outputs) {
        if (name === '') continue
        states.set(name, outcome.state)
        queue.add(paths.readers.get(name))
      }
    } else if (outcome.kind === 'instead') instead.set(node.outputs[0]!, node.inputs[outcome.input]!)
    else for (const input of outcome.inputs) drop(dropped, node, input)
  }
  const { nodes, unread } = unreadIn(paths, instead, dropped)
  const value = zeros.find((name) => !unread.has(name))
  return { instead, dropped, nodes, unread, ...(value !== undefined && { stuck: { value, node: trouble } }) }
}

function drop(dropped: Map<Node, Set<number>>, node: Node, input: number): void {
  const inputs = dropped.get(node) ?? new Set()
  dropped.set(node, inputs.add(input))
}

/** Nodes that are still to be looked at, the first of the graph first, each once. */
class Queue {
  readonly #waiting: Node[] = []
  readonly #seen = new Set<Node>()

  constructor(private readonly order: ReadonlyMap<Node, number>) {}

  add(nodes: readonly Node[] = []): void {
    for (const node of nodes) {
      if (this.#seen.has(node)) continue
      this.#seen.add(node)
      // Behind all that come later in the graph: the last one is taken next.
      const at = this.order.get(node)!
      let [low, high] = [0, this.#waiting.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if (this.order.get(this.#waiting[middle]!)! > at) low = middle + 1
        else high = middle
      }
      this.#waiting.splice(low, 0, node)
    }
  }

  next(): Node | undefined {
    return this.#waiting.pop()
  }
}

type Outcome =
  | { readonly kind: 'state'; readonly state: State }
  /** The output is this input. */
  | { readonly kind: 'instead'; readonly input: number }
  /** The node is the same without these inputs. */
  | { readonly kind: 'drop'; readonly inputs: readonly number[] }

interface Known {
  readonly states: ReadonlyMap<string, State>
  readonly instead: ReadonlyMap<string, string>
  readonly paths: Paths
}

const state = (of: State): Outcome => ({ kind: 'state', state: of })

/** Operators that give 0 where one of these inputs is 0. */
const ZERO: Readonly<Record<string, readonly number[]>> = {
  ...Object.fromEntries(
    `Transpose Reshape Squeeze Unsqueeze Flatten Slice Split Expand Tile Identity Gather Cast CastLike Abs Neg Sqrt Relu Div ReduceSum ReduceMax ReduceMean
     ReduceSumSquare ReduceL1 ReduceL2 GatherElements GatherND QuantizeLinear DequantizeLinear`
      .split(/\s+/)
      .map((name) => [name, [0]]),
  ),
  ...Object.fromEntries('Mul And MatMul Einsum'.split(' ').map((name) => [name, [0, 1]])),
}

function outcomeOf(node: Node, { states, instead, paths }: Known): Outcome {
  const now = node.inputs.map((name) => states.get(name))
  const name = operatorName(node)
  const kept = [...node.inputs.keys()].filter((input) => now[input] !== 'zero')
  // A sum, or one of two ways, without what is 0. What takes its place must have its shape.
  const fits = (input: number) => isSame(shapeOf(node.inputs[input]!), paths.shapeOf(node.outputs[0]!))
  switch (name) {
    case 'Add':
    case 'Sum':
      if (kept.length === 0) return state('zero')
      if (now.some((each) => each === 'empty')) return state('empty')
      if (kept.length === node.inputs.length || !kept.some(fits) || kept.some((input) => now[input] !== undefined))
        return state('other')
      if (kept.length === 1) return { kind: 'instead', input: kept[0]! }
      return { kind: 'drop', inputs: [...node.inputs.keys()].filter((input) => !kept.includes(input)) }
    case 'Sub':
      if (now[1] === 'zero' && now[0] === undefined && fits(0)) return { kind: 'instead', input: 0 }
      return now[0] === 'zero' && now[1] === 'zero' ? state('zero') : state(now.includes('empty') ? 'empty' : 'other')
    case 'Where':
      if (now[0] === 'zero' && now[2] === undefined && fits(2)) return { kind: 'instead', input: 2 }
      if (now[2] === 'zero' && (now[0] === 'zero' || now[1] === 'zero')) return state('zero')
      return state(now.includes('empty') ? 'empty' : 'other')
    case 'ScatterND':
    case 'ScatterElements':
    case 'Scatter': {
      const isAdded = now[2] === 'zero' && attributesOf(node).string('reduction') === 'add'
      if (now[0] === undefined && (now[1] === 'empty' || isAdded)) return { kind: 'instead', input: 0 }
      return state('other')
    }
    case 'NonZero':
      return state(now[0] === 'zero' ? 'empty' : 'other')
    case 'Greater':
      return state(
        now[0] === 'zero' && (paths.numbers(node.inputs[1]!)?.every((number) => number >= 0) ?? false) ? 'zero' : 'other',
      )
    case 'Shape':
    case 'Size':
    case 'ConstantOfShape':
    case 'Range':
      return state('other')
  }
  if (ZERO[name]?.some((input) => now[input] === 'zero')) return state('zero')
  // Without elements nothing comes out, but of what sums, counts or joins.
  const isWhole =
    /^(Reduce|Arg|Concat|Loop|If|Scan|pare\.)/.test(name) || (name === 'MatMul' && now[0] === 'empty' && now[1] === 'empty')
  const data = name === 'Reshape' || name === 'Expand' || name === 'Slice' ? now.slice(0, 1) : now
  if (name === 'Concat') return state(now.every((each) => each === 'empty') ? 'empty' : 'other')
  return state(!isWhole && data.includes('empty') ? 'empty' : 'other')

  function shapeOf(value: string): readonly number[] | undefined {
    const other = instead.get(value)
    return other === undefined ? paths.shapeOf(value) : shapeOf(other)
  }
}

const isSame = (a: readonly number[] | undefined, b: readonly number[] | undefined) =>
  a !== undefined && a.length === b?.length && a.every((size, i) => size === b[i])

/** Everything that only led to inputs that are no longer read. */
function unreadIn(
  { reads, makers }: Paths,
  instead: ReadonlyMap<string, string>,
  dropped: ReadonlyMap<Node, ReadonlySet<number>>,
): Pick<Absence, 'nodes' | 'unread'> {
  const counts = new Map<string, number>()
  const nodes = new Set<Node>()
  const unread = new Set<string>()
  const count = (name: string) => counts.get(name) ?? reads.get(name) ?? 0
  const waiting: string[] = []
  const release = (name: string) => {
    if (name === '') return
    counts.set(name, count(name) - 1)
    if (count(name) === 0) waiting.push(name)
  }
  // Who read what became another value reads that one now.
  for (const [name, other] of instead) counts.set(other, count(other) + count(name))
  for (const name of instead.keys()) remove(makers.get(name)!)
  for (const [node, inputs] of dropped) if (!nodes.has(node)) for (const input of inputs) release(node.inputs[input]!)
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    unread.add(name)
    const maker = makers.get(name)
    if (maker !== undefined && !nodes.has(maker) && maker.outputs.every((each) => each === '' || count(each) === 0)) remove(maker)
  }
  return { nodes, unread }

  function remove(node: Node): void {
    nodes.add(node)
    for (const [i, name] of node.inputs.entries()) if (!dropped.get(node)?.has(i)) release(name)
  }
}
