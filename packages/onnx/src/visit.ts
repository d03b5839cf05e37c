import type { Graph, LocalFunction, Model, Node, Tensor } from './model.js'

/** What names mean at a node: constants and producers, looked up in the graph around it, then in the graphs around that. */
export interface Scope {
  /** The constant tensor behind a name: an initializer or the value of a Constant node, seen through Identity nodes. */
  constant(name: string): Constant | undefined
  /** The node that makes a value, seen through Identity nodes. Undefined for inputs and initializers. */
  producer(name: string): Node | undefined
}

export interface Constant {
  /**
   * Unique in the model and the same between runs: the tensor's name; in a subgraph `<node>.<attribute>/<name>`,
   * in a model-local function `<domain>.<function>/<name>`. The value of a Constant node has the name of its output.
   */
  readonly id: string
  readonly tensor: Tensor
}

/**
 * Calls `visit` for every node of the main graph, of nested subgraphs and, at each call, of the model's own functions, with their
 * arguments bound. Recursive functions are entered once. Linear in the number of nodes, counting a function once per call.
 */
export function visitNodes(model: Model, visit: (node: Node, scope: Scope) => void): void {
  const functions = new Map(model.functions.map((one) => [`${one.domain}.${one.name}`, one]))
  const walk: Walk = { functions, visit, inside: new Set() }
  visitGraph(model.graph, { walk, prefix: '' })
}

interface Walk {
  readonly functions: ReadonlyMap<string, LocalFunction>
  readonly visit: (node: Node, scope: Scope) => void
  /** Functions being walked. */
  readonly inside: Set<string>
}

interface Place {
  readonly walk: Walk
  /** What ids of constants here begin with. */
  readonly prefix: string
  /** The scope around this graph. */
  readonly outer?: Scope
}

function visitGraph(graph: Graph, place: Place): void {
  const tensors = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]))
  visitList(graph.nodes, scopeOf({ nodes: graph.nodes, tensors, place }), place)
}

function visitList(nodes: readonly Node[], scope: Scope, { walk, prefix }: Place): void {
  for (const node of nodes) {
    walk.visit(node, scope)
    for (const [name, attribute] of node.attributes) {
      const graphs = attribute.kind === 'graph' ? [attribute.value] : attribute.kind === 'graphs' ? attribute.value : []
      for (const [i, graph] of graphs.entries()) {
        const at = `${prefix}${node.name || node.outputs[0]}.${name}${graphs.length > 1 ? i : ''}/`
        visitGraph(graph, { walk, prefix: at, outer: scope })
      }
    }
    const called = walk.functions.get(`${node.domain}.${node.op}`)
    if (called !== undefined) visitCall(node, called, { walk, prefix, outer: scope })
  }
}

/** The body of a function, its inputs standing for the arguments of the call. */
function visitCall(call: Node, called: LocalFunction, { walk, outer }: Place): void {
  const prefix = `${called.domain}.${called.name}/`
  if (walk.inside.has(prefix)) return
  const argument = new Map(called.inputs.map((name, i) => [name, call.inputs[i] ?? '']))
  const arguments_: Scope = {
    constant: (name) => outer?.constant(argument.get(name) ?? ''),
    producer: (name) => outer?.producer(argument.get(name) ?? ''),
  }
  const place = { walk, prefix, outer: arguments_ }
  walk.inside.add(prefix)
  visitList(called.nodes, scopeOf({ nodes: called.nodes, tensors: new Map(), place }), place)
  walk.inside.delete(prefix)
}

interface Names {
  readonly nodes: readonly Node[]
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly place: Place
}

function scopeOf({ nodes, tensors, place: { prefix, outer } }: Names): Scope {
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
  return { constant, producer }

  function constant(name: string): Constant | undefined {
    const source = behindIdentity(name)
    const tensor = tensors.get(source) ?? valueOf(producers.get(source))
    if (tensor !== undefined) return { id: prefix + source, tensor }
    return producers.has(source) ? undefined : outer?.constant(source)
  }

  function producer(name: string): Node | undefined {
    const source = behindIdentity(name)
    return producers.get(source) ?? (tensors.has(source) ? undefined : outer?.producer(source))
  }

  /** The name that a chain of Identity nodes copies. Nodes stand in topological order, so a well-formed chain ends; `seen` ends others. */
  function behindIdentity(name: string): string {
    const seen = new Set<string>()
    let current = name
    for (let node = producers.get(current); node?.op === 'Identity' && node.domain === '' && !seen.has(current); node = producers.get(current)) {
      seen.add(current)
      current = node.inputs[0] ?? ''
    }
    return current
  }
}

function valueOf(node: Node | undefined): Tensor | undefined {
  if (node?.op !== 'Constant') return undefined
  const value = node.attributes.get('value')
  return value?.kind === 'tensor' ? value.value : undefined
}
