import {
  attributesOf,
  editGraph,
  editModel,
  editNode,
  editTensor,
  editValueInfo,
  type Graph,
  graphPath,
  graphsOf,
  keyOf,
  type Model,
  makeNode,
  type Node,
  type Tensor,
  type ValueInfo,
} from '@pare/onnx'
import { type Body, Nest } from './nest.js'

/** A model whose branches and loops are written out, and the way back. */
export interface Flat {
  /**
   * The graphs of If, Loop and Scan stand in the main graph, under their ids, before a node 'pare.If', 'pare.Loop' or 'pare.Scan' that joins what they
   * make; one 'pare.Enter' gives a body what it takes. It is for analysis and editing: no run time knows these operators. An If of which outputs go lists those
   * that stay as `kept`.
   */
  readonly model: Model
  /** Puts the nodes of an edited flat model back into their graphs; new ones go where what they read is made. */
  nest(edited: Model): Model
}

const flats = new WeakMap<Model, Flat>()

/** The model itself where it has no such graphs. What a graph means that other operators hold is not known here: their nodes stay as they are. Linear. */
export function flattened(model: Model): Flat {
  const flat = flats.get(model) ?? flatten(model)
  flats.set(model, flat)
  return flat
}

/** The graphs that each of these operators holds, by the names of their attributes. */
const NESTING: Readonly<Record<string, readonly string[]>> = {
  If: ['then_branch', 'else_branch'],
  Loop: ['body'],
  Scan: ['body'],
}

function flatten(model: Model): Flat {
  const { graph } = model
  // Before opset 9 a Scan goes over batches too.
  const isKnown = (node: Node) => isOpen(node) && (node.op !== 'Scan' || (model.opsets.get('') ?? 1) >= 9)
  if (!graph.nodes.some(isKnown)) return { model, nest: (edited) => edited }
  const flattening = new Flattening(graph)
  flattening.visit(graph, { path: '', nameOf: (name) => name })
  const { nodes, initializers, values, nest } = flattening
  const flat = editModel(model, { graph: editGraph(graph, { nodes, initializers, values }) })
  return { model: flat, nest: (edited) => nest.nested(edited, { model, flat }) }
}

/** Whether the graphs of a node, and all graphs in them, are those of operators that are known. */
function isOpen(node: Node): boolean {
  const graphs = bodiesOf(node)
  const expected = Object.hasOwn(NESTING, node.op) ? NESTING[node.op]! : []
  const made = node.outputs.length + (node.op === 'Loop' ? 1 : 0)
  return (
    graphs.length > 0 &&
    node.domain === '' &&
    graphs.length === expected.length &&
    expected.every((name) => graphs.some((each) => each.name === name)) &&
    graphs.every(({ graph }) => graph.outputs.length === made && isClear(graph))
  )
}

/** Sparse initializers are kept as they are, and so is what reads them. */
function isClear({ nodes, sparseInitializers }: Graph): boolean {
  return sparseInitializers.length === 0 && nodes.every((node) => bodiesOf(node).length === 0 || isOpen(node))
}

const bodiesOf = (node: Node) => [...node.attributes.values()].flatMap(graphsOf)

/** What branches hold, under the names it has in flat models: models that share a node or tensor share it when they are written out, too. */
const renamed = new WeakMap<Node, Node[]>()
const renamedTensors = new WeakMap<Tensor, Tensor[]>()

function sharedAs<T extends object>(
  copies: WeakMap<T, T[]>,
  of: T,
  { isSame, make }: { readonly isSame: (other: T) => boolean; readonly make: () => T },
): T {
  const others = copies.get(of) ?? []
  const same = others.find(isSame)
  if (same !== undefined) return same
  const made = make()
  copies.set(of, [...others, made])
  return made
}

const equal = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((name, i) => name === b[i])

/** Where names are looked up. */
interface Place {
  readonly path: string
  nameOf(name: string): string
}

class Flattening {
  readonly nodes: Node[] = []
  readonly initializers: Tensor[] = []
  readonly values: ValueInfo[]
  readonly nest = new Nest()

  constructor({ initializers, values }: Graph) {
    this.initializers = [...initializers]
    this.values = [...values]
  }

  visit(graph: Graph, place: Place): void {
    for (const node of graph.nodes) {
      if (isOpen(node)) this.#open(node, place)
      else this.#push(this.#renamed(node, place), node, place)
    }
  }

  #push(flat: Node, node: Node, { path }: Place): void {
    this.nodes.push(flat)
    this.nest.node(flat, node, path)
  }

  #renamed(node: Node, { path, nameOf }: Place): Node {
    if (path === '') return node
    const own = (name: string) => (name === '' ? '' : nameOf(name))
    const [inputs, outputs] = [node.inputs.map(own), node.outputs.map(own)]
    return sharedAs(renamed, node, {
      isSame: (other) => equal(other.inputs, inputs) && equal(other.outputs, outputs),
      make: () => editNode(node, { inputs, outputs }),
    })
  }

  #open(node: Node, place: Place): void {
    const bodies = bodiesOf(node).map(({ graph, name }) => this.#body(graph, graphPath(place.path, node, name), place))
    const read = (names: readonly string[]) => names.map((name) => (name === '' ? '' : place.nameOf(name)))
    const [inputs, outputs] = [read(node.inputs), read(node.outputs)]
    if (node.op === 'If') {
      for (const body of bodies) this.visit(body.graph, body)
      const branches = ['then_branch', 'else_branch'].map((name) => bodies.find(({ path }) => path.endsWith(`.${name}/`))!)
      return this.#join(node, { inputs: [...inputs, ...branches.flatMap(ends)], outputs, bodies, place })
    }
    const [body] = bodies as [Opened]
    const taken = body.graph.inputs.map(({ name }) => body.nameOf(name))
    const attributes = { ...attributesOf(node).plain(), op: node.op }
    this.nodes.push(makeNode({ op: 'Enter', domain: 'pare', inputs, outputs: taken, attributes }))
    this.nest.entry(taken[0] ?? '', body.path)
    this.visit(body.graph, body)
    const state = node.op === 'Loop' ? taken.slice(1) : [...taken, ...inputs]
    this.#join(node, { inputs: [...ends(body), ...state], outputs, bodies, place, entered: taken[0] ?? '' })
  }

  #join(
    node: Node,
    {
      inputs,
      outputs,
      bodies,
      place,
      entered,
    }: { inputs: readonly string[]; outputs: readonly string[]; bodies: readonly Opened[]; place: Place; entered?: string },
  ): void {
    const id = `${place.path}${keyOf(node)}`
    const attributes = { ...attributesOf(node).plain(), id }
    const flat = makeNode({ op: node.op, domain: 'pare', name: node.name, inputs, outputs, attributes })
    this.#push(flat, node, place)
    this.nest.join(id, { node, path: place.path, bodies: bodies as readonly Body[], ...(entered !== undefined && { entered }) })
  }

  #body(graph: Graph, path: string, outer: Place): Opened {
    const names = [...graph.inputs, ...graph.initializers].map(({ name }) => name)
    const own = new Set([...names, ...graph.nodes.flatMap(({ outputs }) => outputs)])
    const nameOf = (name: string) => (own.has(name) ? `${path}${name}` : outer.nameOf(name))
    for (const name of own) if (name !== '') this.nest.local(`${path}${name}`, name)
    for (const tensor of graph.initializers) {
      const name = nameOf(tensor.name)
      const flat = sharedAs(renamedTensors, tensor, {
        isSame: (other) => other.name === name,
        make: () => editTensor(tensor, { name }),
      })
      this.initializers.push(flat)
      this.nest.tensor(flat, tensor, path)
    }
    const infos = [...graph.values, ...graph.inputs, ...graph.outputs.filter(({ name }) => own.has(name))]
    for (const value of infos) {
      const flat = editValueInfo(value, { name: nameOf(value.name) })
      this.values.push(flat)
      this.nest.value(flat, value)
    }
    return { graph, path, nameOf }
  }
}

interface Opened extends Place {
  readonly graph: Graph
}

const ends = ({ graph, nameOf }: Opened) => graph.outputs.map(({ name }) => nameOf(name))
