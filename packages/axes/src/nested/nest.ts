import {
  attributesOf,
  editAttributes,
  editGraph,
  editModel,
  editNode,
  editTensor,
  editValueInfo,
  type Graph,
  graphsOf,
  keyOf,
  type Model,
  makeValueInfo,
  type Node,
  present,
  readBy,
  type Tensor,
  type ValueInfo,
} from '@pare/onnx'

/** A graph within a node. */
export interface Body {
  readonly graph: Graph
  /** In front of the ids of what is in it. */
  readonly path: string
}

/** A node that holds graphs. */
interface Join {
  readonly node: Node
  /** Of the graph that the node is in. */
  readonly path: string
  readonly bodies: readonly Body[]
  /** The first value that a loop gives its body. */
  readonly entered?: string
}

/** Where everything in a flat model came from. */
export class Nest {
  /** The path of the graph that a value or constant is of, by flat name. Those of the main graph are not listed. */
  readonly #home = new Map<string, string>()
  readonly #locals = new Map<string, string>()
  readonly #nodes = new Map<Node, Node>()
  readonly #tensors = new Map<Tensor, Tensor>()
  readonly #values = new Map<ValueInfo, ValueInfo>()
  readonly #joins = new Map<string, Join>()
  /** Paths of bodies, by the first value they are given. */
  readonly #entries = new Map<string, string>()

  node(flat: Node, node: Node, path: string): void {
    this.#nodes.set(flat, node)
    if (path !== '') for (const name of flat.outputs) this.#home.set(name, path)
  }
  tensor(flat: Tensor, tensor: Tensor, path: string): void {
    this.#tensors.set(flat, tensor)
    this.#home.set(flat.name, path)
  }
  value(flat: ValueInfo, value: ValueInfo): void {
    this.#values.set(flat, value)
  }
  local(flat: string, name: string): void {
    this.#locals.set(flat, name)
  }
  /** `id`: an attribute of the node, which it keeps whatever its inputs and outputs become. */
  join(id: string, join: Join): void {
    this.#joins.set(id, join)
  }
  entry(first: string, path: string): void {
    this.#entries.set(first, path)
    this.#home.set(first, path)
  }

  /** The edited flat model with its graphs back in their nodes. What did not change is shared with `model`. */
  nested(edited: Model, { model, flat }: { readonly model: Model; readonly flat: Model }): Model {
    if (edited === flat) return model
    const { graph } = edited
    const parts = new Map<string, Node[]>()
    const entries = new Map<string, Node>()
    const homes = new Map(this.#home)
    for (const node of graph.nodes) {
      if (node.domain === 'pare' && node.op === 'Enter') {
        for (const name of node.outputs) homes.set(name, this.#entries.get(node.outputs[0]!)!)
        entries.set(node.outputs[0]!, node)
        continue
      }
      const path = this.#isOriginal(node)
        ? (this.#joinOf(node)?.path ?? homes.get(keyOf(node)) ?? '')
        : deepest(readBy(node).map((name) => homes.get(name) ?? ''))
      for (const name of node.outputs) if (path !== '') homes.set(name, path)
      const nodes = parts.get(path)
      if (nodes === undefined) parts.set(path, [node])
      else nodes.push(node)
    }
    const values = new Map(graph.values.map((value) => [value.name, value]))
    const tensors = new Map<string, Tensor[]>()
    for (const tensor of graph.initializers) {
      const path = homes.get(tensor.name) ?? ''
      tensors.set(path, [...(tensors.get(path) ?? []), tensor])
    }
    const build = { parts, entries, values, tensors }
    const own = graph.values.filter((value) => !this.#locals.has(value.name))
    return editModel(edited, {
      graph: editGraph(graph, {
        nodes: (parts.get('') ?? []).map((node) => this.#back(node, build)),
        initializers: tensors.get('') ?? [],
        values: own,
      }),
    })
  }

  /** A node of the flat model, or one made of it: it has its output. */
  #isOriginal(node: Node): boolean {
    return this.#nodes.has(node) || this.#locals.has(keyOf(node)) || this.#joinOf(node) !== undefined
  }

  #joinOf(node: Node): Join | undefined {
    return node.domain === 'pare' ? this.#joins.get(attributesOf(node).string('id', '')) : undefined
  }

  #back(node: Node, build: Build): Node {
    const join = this.#joinOf(node)
    if (join !== undefined) return this.#closed(node, join, build)
    const original = this.#nodes.get(node)
    if (original !== undefined) return original
    const local = (name: string) => this.#locals.get(name) ?? name
    return editNode(node, { inputs: node.inputs.map(local), outputs: node.outputs.map(local) })
  }

  /** The node with its graphs. */
  #closed(flat: Node, { node, bodies, entered }: Join, build: Build): Node {
    const local = (name: string) => this.#locals.get(name) ?? name
    const left = attributesOf(flat).ints('kept') ?? [...bodies[0]!.graph.outputs.keys()]
    const count = left.length
    const inputs = entered === undefined ? flat.inputs.slice(0, 1) : build.entries.get(entered)!.inputs
    const skipped = entered === undefined ? 1 : 0
    const order = entered === undefined ? ['then_branch', 'else_branch'] : [bodyName(node)]
    const graphs = order.map((name, i) => {
      const body = bodies.find(({ path }) => path.endsWith(`.${name}/`))!
      const outputs = flat.inputs.slice(skipped + i * count, skipped + (i + 1) * count)
      return [name, this.#graph(body, { outputs, left }, build)] as const
    })
    const [reads, makes] = [inputs.map(local), flat.outputs.map(local)]
    const isSame = graphs.every(([name, graph]) => bodies.some((body) => body.path.endsWith(`.${name}/`) && body.graph === graph))
    if (isSame && equal(reads, node.inputs) && equal(makes, node.outputs)) return node
    return editNode(editAttributes(node, Object.fromEntries(graphs)), { inputs: reads, outputs: makes })
  }

  #graph({ graph, path }: Body, { outputs, left }: Ends, build: Build): Graph {
    const local = (name: string) => this.#locals.get(name) ?? name
    const stated = (value: ValueInfo): ValueInfo => {
      const now = build.values.get(`${path}${value.name}`)
      if (now === undefined) return makeValueInfo({ name: value.name, ...present({ type: value.type }) })
      return this.#values.get(now) ?? editValueInfo(now, { name: value.name })
    }
    const tensors = build.tensors.get(path) ?? []
    const parts = {
      nodes: (build.parts.get(path) ?? []).map((node) => this.#back(node, build)),
      initializers: tensors.map((tensor) => this.#tensors.get(tensor) ?? editTensor(tensor, { name: local(tensor.name) })),
      inputs: graph.inputs.map(stated),
      outputs: left.map((at, i) => {
        const value = graph.outputs[at]!
        const name = local(outputs[i]!)
        return name === value.name ? (this.#locals.has(`${path}${name}`) ? stated(value) : value) : editValueInfo(value, { name })
      }),
      values: graph.values.filter(({ name }) => build.values.has(`${path}${name}`)).map(stated),
    }
    const isSame = (Object.keys(parts) as (keyof typeof parts)[]).every((part) => equal(parts[part], graph[part]))
    return isSame ? graph : editGraph(graph, parts)
  }
}

interface Ends {
  /** Flat names of what a body makes. */
  readonly outputs: readonly string[]
  /** Which of its outputs these are: of an If some may have gone. */
  readonly left: readonly number[]
}

interface Build {
  readonly parts: ReadonlyMap<string, readonly Node[]>
  readonly entries: ReadonlyMap<string, Node>
  readonly values: ReadonlyMap<string, ValueInfo>
  readonly tensors: ReadonlyMap<string, readonly Tensor[]>
}

const equal = (a: readonly unknown[], b: readonly unknown[]) => a.length === b.length && a.every((item, i) => item === b[i])

/** What a loop calls its graph. */
const bodyName = (node: Node) => [...node.attributes.values()].flatMap(graphsOf)[0]!.name

/** Graphs contain each other: the innermost has the longest path. */
const deepest = (paths: readonly string[]) => paths.reduce((a, b) => (b.length > a.length ? b : a), '')
