import { type AttributeReader, NodeAttributes } from '../graph/attributes.js'
import type { Graph, Node, Tensor } from '../model.js'
import type { Branch, Fact, Facts, InferenceFacts, OperatorCall } from './rules/rule.js'

/** What a call needs to know of where it is. */
export interface CallPlace {
  readonly opset: number
  readonly branch: Branch | undefined
  /** How many there are of what data decide, in the outputs of the node. */
  count(node: Node, most: number | undefined): number | undefined
  /** Of a value, by its name. */
  fact(name: string): Fact | undefined
  factOf(tensor: Tensor): Fact
  /** Infers a graph in the attribute of this name; its outputs. */
  infer(graph: Graph, attribute: string): Facts
}

/** A node as shape rules see it. One for each node and choice of sizes: it makes nothing that a rule does not ask for. */
export class NodeCall implements OperatorCall {
  readonly #attributes: NodeAttributes
  readonly #place: CallPlace

  constructor(
    readonly node: Node,
    place: CallPlace,
  ) {
    this.#attributes = new NodeAttributes(node.attributes)
    this.#place = place
  }

  get opset(): number {
    return this.#place.opset
  }
  get branch(): Branch | undefined {
    return this.#place.branch
  }
  get int(): AttributeReader<number> {
    return this.#attributes.int
  }
  get ints(): AttributeReader<readonly number[]> {
    return this.#attributes.ints
  }
  get float(): AttributeReader<number> {
    return this.#attributes.float
  }
  get floats(): AttributeReader<readonly number[]> {
    return this.#attributes.floats
  }
  get string(): AttributeReader<string> {
    return this.#attributes.string
  }

  shape(input: number): readonly number[] | undefined {
    return this.#place.fact(this.node.inputs[input] ?? '')?.shape
  }

  value(input: number): InferenceFacts | undefined {
    return this.#place.fact(this.node.inputs[input] ?? '')?.value
  }

  count(most?: number): number | undefined {
    return this.#place.count(this.node, most)
  }

  has(input: number): boolean {
    return (this.node.inputs[input] ?? '') !== ''
  }

  tensor(attribute: string): Fact | undefined {
    const tensor = this.#attributes.tensor(attribute)
    return tensor && this.#place.factOf(tensor)
  }

  graph(attribute: string): Facts {
    const graph = this.#attributes.graph(attribute)
    return graph === undefined ? [] : this.#place.infer(graph, attribute)
  }
}
