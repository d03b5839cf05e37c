import type { Attribute, Graph, LocalFunction, Model, Node } from '../model.js'
import { editGraph, editModel, editNode, editTensor, editValueInfo } from './edit.js'
import { makeAttribute, makeNode } from './make.js'
import { keyOf, madeBy } from './uses.js'
import { DEEPEST_CALL, graphsOf, MOST_VISITS, tooManyVisits } from './visit.js'

/**
 * The model with the nodes of its functions in place of the calls: each call has constants and attributes of its own, and can be edited alone. A function that is written
 * for other versions of operators stays, with what calls it. Names inside begin with the name of what the call makes. Linear in the nodes of all calls.
 * Throws PareError where that are too many.
 */
export function inlineFunctions(model: Model): Model {
  if (model.functions.length === 0) return model
  const inlining = new Inlining(model)
  const graph = inlining.graph(model.graph, (name) => name)
  const called = calledIn(graph, model.functions)
  const opsets = new Map([...inlining.opsets, ...model.opsets])
  return editModel(model, { graph, opsets, functions: model.functions.filter((each) => called.has(each)) })
}

type Renaming = (name: string) => string

class Inlining {
  readonly opsets: Map<string, number>
  readonly #functions: ReadonlyMap<string, LocalFunction>
  readonly #taken: Set<string>
  #visits = 0

  constructor(model: Model) {
    this.opsets = new Map(model.opsets)
    this.#functions = new Map(model.functions.map((each) => [`${each.domain}.${each.name}`, each]))
    this.#taken = namesIn(model.graph)
  }

  graph(graph: Graph, rename: Renaming, attributes?: Attributes, depth = 0): Graph {
    const nodes = graph.nodes.flatMap((node) => this.#node(node, rename, attributes, depth))
    const isSame = nodes.length === graph.nodes.length && nodes.every((node, i) => node === graph.nodes[i])
    const named = <T extends { readonly name: string }>(items: readonly T[], edit: (item: T, name: string) => T) => {
      const edited = items.map((item) => (rename(item.name) === item.name ? item : edit(item, rename(item.name))))
      return edited.every((item, i) => item === items[i]) ? items : edited
    }
    const changes = {
      nodes: isSame ? graph.nodes : nodes,
      initializers: named(graph.initializers, (tensor, name) => editTensor(tensor, { name })),
      inputs: named(graph.inputs, (value, name) => editValueInfo(value, { name })),
      outputs: named(graph.outputs, (value, name) => editValueInfo(value, { name })),
      values: named(graph.values, (value, name) => editValueInfo(value, { name })),
    }
    return Object.entries(changes).every(([part, items]) => items === graph[part as keyof typeof changes])
      ? graph
      : editGraph(graph, changes)
  }

  #node(node: Node, rename: Renaming, attributes: Attributes | undefined, depth: number): readonly Node[] {
    if (++this.#visits > MOST_VISITS) throw tooManyVisits()
    const own = this.#renamed(node, rename, attributes, depth)
    const callee = this.#functions.get(`${node.domain}.${node.op}`)
    if (callee === undefined || depth >= DEEPEST_CALL || !this.#fits(callee)) return [own]
    return this.#call(callee, own, depth + 1)
  }

  /** Whether the function is written for the versions of operators that the model has; what only it names is added to those. */
  #fits({ opsets }: LocalFunction): boolean {
    if ([...opsets].some(([domain, version]) => (this.opsets.get(domain) ?? version) !== version)) return false
    for (const [domain, version] of opsets) this.opsets.set(domain, version)
    return true
  }

  #call(callee: LocalFunction, call: Node, depth: number): readonly Node[] {
    const prefix = this.#free(keyOf(call))
    const actuals = new Map(callee.inputs.map((name, i) => [name, call.inputs[i] ?? '']))
    const made = new Map(callee.outputs.map((name, i) => [name, call.outputs[i] ?? '']))
    const passed = callee.outputs.filter((name) => actuals.has(name) && made.get(name) !== '')
    const rename: Renaming = (name) => {
      if (name === '') return ''
      const outer = actuals.get(name) ?? (made.get(name) || undefined)
      return outer ?? `${prefix}${name}`
    }
    const attributes = new Map([...callee.defaults.map((each) => [each.proto.name, each] as const), ...call.attributes])
    const nodes = callee.nodes.flatMap((node) => {
      const named = call.name === '' ? node : editNode(node, { name: `${call.name}/${node.name}` })
      return this.#node(named, rename, attributes, depth)
    })
    return [
      ...nodes,
      ...passed.map((name) => makeNode({ op: 'Identity', inputs: [actuals.get(name)!], outputs: [made.get(name)!] })),
    ]
  }

  /** What names inside a call begin with: nothing in the graph does. */
  #free(key: string): string {
    for (let i = 0; ; i++) {
      const prefix = `${key}${i === 0 ? '' : `.${i}`}/`
      if (this.#taken.has(prefix)) continue
      this.#taken.add(prefix)
      return prefix
    }
  }

  #renamed(node: Node, rename: Renaming, actuals: Attributes | undefined, depth: number): Node {
    const inputs = node.inputs.map(rename)
    const outputs = node.outputs.map(rename)
    const attributes = this.#attributes(node, rename, actuals, depth)
    const isSame = (a: readonly string[], b: readonly string[]) => a.every((name, i) => name === b[i])
    if (attributes === node.attributes && isSame(inputs, node.inputs) && isSame(outputs, node.outputs)) return node
    return editNode(node, { inputs, outputs, attributes })
  }

  /** Graphs within with names of their own, and what the call says in place of references to it. */
  #attributes(node: Node, rename: Renaming, actuals: Attributes | undefined, depth: number): Attributes {
    const attributes = new Map(node.attributes)
    for (const [name, attribute] of node.attributes) {
      const reference = attribute.proto.refAttrName
      if (reference !== '') {
        const actual = actuals?.get(reference)
        if (actual === undefined) attributes.delete(name)
        else attributes.set(name, renamedAttribute(actual, name))
      } else if (attribute.kind === 'graph') {
        const graph = this.graph(attribute.value, rename, actuals, depth)
        if (graph !== attribute.value) attributes.set(name, makeAttribute(name, graph))
      }
    }
    const isSame =
      attributes.size === node.attributes.size && [...attributes].every(([name, each]) => node.attributes.get(name) === each)
    return isSame ? node.attributes : attributes
  }
}

type Attributes = ReadonlyMap<string, Attribute>

/** The same value under the name that the node within has for it. */
function renamedAttribute(attribute: Attribute, name: string): Attribute {
  if (attribute.proto.name === name) return attribute
  if (attribute.kind === 'other' || attribute.kind === 'tensors' || attribute.kind === 'graphs')
    return { ...attribute, proto: { ...attribute.proto, name } }
  return makeAttribute(name, attribute.value)
}

/** What begins with a name and a slash is taken by it. */
function namesIn(graph: Graph): Set<string> {
  const prefixes = new Set<string>()
  const add = (name: string) => {
    for (let at = name.indexOf('/'); at >= 0; at = name.indexOf('/', at + 1)) prefixes.add(name.slice(0, at + 1))
  }
  const walk = ({ nodes, inputs, initializers }: Graph): void => {
    for (const { name } of [...inputs, ...initializers]) add(name)
    for (const node of nodes) {
      for (const name of madeBy(node)) add(name)
      for (const attribute of node.attributes.values()) for (const inner of graphsOf(attribute)) walk(inner.graph)
    }
  }
  walk(graph)
  return prefixes
}

/** Functions that are still called, by others that are too. */
function calledIn(graph: Graph, functions: readonly LocalFunction[]): ReadonlySet<LocalFunction> {
  const byName = new Map(functions.map((each) => [`${each.domain}.${each.name}`, each]))
  const called = new Set<LocalFunction>()
  const walk = (nodes: readonly Node[]): void => {
    for (const node of nodes) {
      const callee = byName.get(`${node.domain}.${node.op}`)
      if (callee !== undefined && !called.has(callee)) {
        called.add(callee)
        walk(callee.nodes)
      }
      for (const attribute of node.attributes.values()) for (const inner of graphsOf(attribute)) walk(inner.graph.nodes)
    }
  }
  walk(graph.nodes)
  return called
}
