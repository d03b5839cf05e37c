import { PareError } from '../error.js'
import type { Attribute, Graph, LocalFunction, Model, Node, Tensor } from '../model.js'
import { tensorIn } from './attributes.js'
import { attributeTensorId, functionPath, graphPath, nodeId } from './ids.js'

/** What names mean at one place: in a graph, a nested graph, or a function as called from one place. */
export interface NameScope {
  /** '' in the main graph; elsewhere it ends in '/'. */
  readonly path: string
  readonly opsets: ReadonlyMap<string, number>
  /**
   * The tensor a name stands for: an initializer or the value of a Constant node, also through Identity nodes, from outside a
   * nested graph, or through the inputs of a function's call. Undefined for anything else.
   */
  constant(name: string): Constant | undefined
  /**
   * The node that makes a value, also through Identity nodes, in this graph or one around it: its inputs are names of this scope
   * too. Undefined for inputs and initializers, and for the inputs of a function.
   */
  producer(name: string): Node | undefined
}

export interface Constant {
  readonly tensor: Tensor
  /** Unique in the model, the same wherever the tensor is used, and the one `withTensors` gives. */
  readonly id: string
}

/** Functions that call each other can multiply: beyond this many visits a model is refused. */
export const MOST_VISITS = 4_000_000

/** Functions that call functions that call … */
export const DEEPEST_CALL = 100

/**
 * Calls `visit` with every node of a model in topological order: the graphs in its attributes after the node, and functions after
 * the node that calls them, once for each call. `id` is the name of the node's first output with the way to it in front. Linear in visits.
 * Throws PareError where functions call themselves.
 */
export function visitNodes(model: Model, visit: (node: Node, scope: NameScope, id: string) => void): void {
  const functions = new Map(model.functions.map((each) => [functionKey(each.domain, each.name), each]))
  const scope = graphScope(model.graph, { path: '', opsets: model.opsets })
  visitAll(model.graph.nodes, scope, { visit, functions, visits: 0, calls: [] })
}

interface Walk {
  readonly visit: (node: Node, scope: NameScope, id: string) => void
  readonly functions: ReadonlyMap<string, LocalFunction>
  visits: number
  /** Functions whose nodes are being visited, the outermost first. */
  readonly calls: string[]
}

function visitAll(nodes: readonly Node[], scope: NameScope, walk: Walk): void {
  for (const node of nodes) {
    if (++walk.visits > MOST_VISITS) throw tooManyVisits()
    walk.visit(node, scope, nodeId(scope.path, node))
    for (const attribute of node.attributes.values()) {
      if (attribute.kind !== 'graph' && attribute.kind !== 'graphs') continue
      for (const { graph, name } of graphsOf(attribute)) {
        const path = graphPath(scope.path, node, name)
        visitAll(graph.nodes, graphScope(graph, { path, opsets: scope.opsets, outer: scope }), walk)
      }
    }
    const callee = walk.functions.size === 0 ? undefined : walk.functions.get(functionKey(node.domain, node.op))
    if (callee !== undefined) visitCall(callee, { node, scope }, walk)
  }
}

function visitCall(callee: LocalFunction, call: { readonly node: Node; readonly scope: NameScope }, walk: Walk): void {
  const key = functionKey(callee.domain, callee.name)
  if (walk.calls.includes(key)) {
    const circle = [...walk.calls, key].join(' → ')
    throw new PareError(`function '${key}' calls itself: ${circle}.`, {
      hint: 'ONNX does not allow that; export the model again.',
    })
  }
  if (walk.calls.length >= DEEPEST_CALL) throw tooDeep()
  walk.calls.push(key)
  visitAll(callee.nodes, callScope(callee, call.node, call.scope), walk)
  walk.calls.pop()
}

function tooDeep(): PareError {
  return new PareError(`functions of the model call each other more than ${DEEPEST_CALL} deep.`, {
    hint: 'inline them, for example with onnx.inliner, and try again.',
  })
}

export function tooManyVisits(): PareError {
  return new PareError(`the model has more than ${MOST_VISITS} nodes, counting those of its functions for each call.`, {
    hint: 'check its functions: they call each other too often.',
  })
}

/** The graphs in an attribute, with the name each goes by: that of the attribute, with a number where there are several. */
export function graphsOf(attribute: Attribute): readonly { readonly graph: Graph; readonly name: string }[] {
  if (attribute.kind === 'graph') return [{ graph: attribute.value, name: attribute.proto.name }]
  if (attribute.kind !== 'graphs') return []
  return attribute.value.map((graph, i) => ({ graph, name: `${attribute.proto.name}.${i}` }))
}

interface Surroundings {
  readonly path: string
  readonly opsets: ReadonlyMap<string, number>
  /** The graph around this one. */
  readonly outer?: NameScope
}

function graphScope(graph: Graph, { path, opsets, outer }: Surroundings): NameScope {
  const { tensors, inputs, makers } = namesOf(graph, path)
  const outside = (name: string): NameScope | undefined => (inputs.has(name) ? undefined : outer)
  return scopeOf({
    path,
    opsets,
    makers,
    constant: (name) => tensors.get(name) ?? outside(name)?.constant(name),
    producer: (name) => (tensors.has(name) ? undefined : outside(name)?.producer(name)),
  })
}

interface GraphNames {
  readonly path: string
  readonly tensors: ReadonlyMap<string, Constant>
  readonly inputs: ReadonlySet<string>
  readonly makers: ReadonlyMap<string, Node>
}

// A graph never changes, and is walked through again and again.
const remembered = new WeakMap<Graph, GraphNames>()

function namesOf(graph: Graph, path: string): GraphNames {
  const memo = remembered.get(graph)
  if (memo?.path === path) return memo
  const names = {
    path,
    tensors: new Map(graph.initializers.map((tensor) => [tensor.name, { tensor, id: `${path}${tensor.name}` }])),
    inputs: new Set(graph.inputs.map(({ name }) => name)),
    makers: makersOf(graph.nodes),
  }
  remembered.set(graph, names)
  return names
}

function makersOf(nodes: readonly Node[]): ReadonlyMap<string, Node> {
  const makers = new Map<string, Node>()
  for (const node of nodes) for (const output of node.outputs) if (output !== '') makers.set(output, node)
  return makers
}

function callScope(callee: LocalFunction, call: Node, caller: NameScope): NameScope {
  const operands = new Map(callee.inputs.map((name, i) => [name, call.inputs[i] ?? '']))
  return scopeOf({
    path: functionPath(callee),
    opsets: callee.opsets,
    makers: makersOf(callee.nodes),
    constant: (name) => caller.constant(operands.get(name) ?? ''),
    producer: () => undefined,
  })
}

interface Names {
  readonly path: string
  readonly opsets: ReadonlyMap<string, number>
  readonly makers: ReadonlyMap<string, Node>
  /** Names that no node here makes. */
  readonly constant: (name: string) => Constant | undefined
  readonly producer: (name: string) => Node | undefined
}

function scopeOf({ path, opsets, makers, constant, producer }: Names): NameScope {
  return {
    path,
    opsets,
    constant(name) {
      const maker = makers.get(name)
      if (maker === undefined) return constant(name)
      if (!isCopy(maker)) return constantOf(maker, path)
      const source = behindIdentity(name)
      const node = makers.get(source)
      return node === undefined ? constant(source) : constantOf(node, path)
    },
    producer(name) {
      const maker = makers.get(name)
      if (maker !== undefined && !isCopy(maker)) return maker
      const source = behindIdentity(name)
      return makers.get(source) ?? producer(source)
    },
  }

  /** The name that a chain of Identity nodes copies. It has no more steps than there are values; in a damaged graph it is a circle. */
  function behindIdentity(name: string): string {
    let source = name
    for (let step = 0; step < makers.size; step++) {
      const node = makers.get(source)
      if (node === undefined || !isCopy(node)) return source
      source = node.inputs[0]!
    }
    return source
  }
}

const isCopy = ({ op, domain, inputs }: Node) => op === 'Identity' && domain === '' && inputs[0] !== undefined

function constantOf(node: Node, path: string): Constant | undefined {
  const tensor = tensorIn(node)
  return tensor && { tensor, id: attributeTensorId(path, node, 'value') }
}

function functionKey(domain: string, name: string): string {
  return `${domain}.${name}`
}
