import type { DataType, Graph, Node, Tensor } from '../model.js'
import { editGraph, type GraphChanges } from './edit.js'
import { type AttributeValue, makeNode, makeTensor } from './make.js'

export interface NewNode {
  readonly domain?: string
  /** How many outputs. Default: 1 */
  readonly outputs?: number
}

/** Nodes and constants that are to be added to a graph, under names that it does not have. The same node written twice is written once. */
export class GraphWriter {
  /** In topological order. */
  readonly nodes: Node[] = []
  readonly constants: Tensor[] = []
  readonly #taken: ReadonlySet<string>
  readonly #made = new Map<string, readonly string[]>()
  #next = 0

  constructor(
    { nodes, inputs, initializers }: Graph,
    /** How new names begin. */
    readonly prefix: string,
  ) {
    this.#taken = new Set([...nodes.flatMap(({ outputs }) => outputs), ...[...inputs, ...initializers].map(({ name }) => name)])
  }

  /** Name of the first output. */
  node(op: string, inputs: readonly string[], attributes: Attributes = {}, options: NewNode = {}): string {
    return this.outputs(op, inputs, attributes, options)[0]!
  }

  /** Names of all outputs. */
  outputs(
    op: string,
    inputs: readonly string[],
    attributes: Attributes = {},
    { domain = '', outputs: count = 1 }: NewNode = {},
  ): readonly string[] {
    const key = JSON.stringify([domain, op, inputs, Object.entries(attributes), count], (_, value) =>
      typeof value === 'bigint' ? `${value}n` : value,
    )
    return this.#once(key, () => {
      const outputs = Array.from({ length: count }, () => this.name())
      this.write(op, inputs, outputs, attributes, domain)
      return outputs
    })
  }

  /** Name of the output of a node that stands for itself, whatever else was written. */
  own(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const output = this.name()
    this.write(op, inputs, [output], attributes)
    return output
  }

  /** Under names that are given. */
  write(op: string, inputs: readonly string[], outputs: readonly string[], attributes: Attributes = {}, domain = ''): void {
    this.nodes.push(makeNode({ op, inputs, outputs, attributes, domain }))
  }

  /** Takes back what was written behind the first `count` nodes. */
  forget(count: number): void {
    const names = new Set(this.nodes.splice(count).flatMap(({ outputs }) => outputs))
    for (const [key, outputs] of this.#made) if (outputs.some((name) => names.has(name))) this.#made.delete(key)
  }

  /** A constant i64, or list of them. */
  ints(values: number | readonly number[] | readonly bigint[]): string {
    return typeof values === 'number' ? this.#constant('int64', [], [values]) : this.#constant('int64', [values.length], values)
  }

  /** A constant f32[]. */
  float(value: number): string {
    return this.#constant('float32', [], [value])
  }

  /** A constant f32 of this shape. */
  floats(shape: readonly number[], values: ArrayLike<number>): string {
    return this.#constant('float32', shape, values)
  }

  /** A name that the graph does not have. */
  name(): string {
    for (;;) {
      const name = `${this.prefix}/${this.#next++}`
      if (!this.#taken.has(name)) return name
    }
  }

  /** The graph with what was written behind its own nodes. */
  addedTo(graph: Graph, changes: GraphChanges = {}): Graph {
    const [nodes, initializers] = [
      [...graph.nodes, ...this.nodes],
      [...graph.initializers, ...this.constants],
    ]
    return editGraph(graph, { nodes, initializers, ...changes })
  }

  #constant(type: DataType, shape: readonly number[], values: ArrayLike<number | bigint>): string {
    const write = () => {
      const tensor = makeTensor({ name: this.name(), type, shape, values })
      this.constants.push(tensor)
      return [tensor.name]
    }
    if (values.length > MOST_SHARED) return write()[0]!
    return this.#once(JSON.stringify([type, shape, Array.from(values, String)]), write)[0]!
  }

  #once(key: string, make: () => readonly string[]): readonly string[] {
    const outputs = this.#made.get(key)
    if (outputs !== undefined) return outputs
    const results = make()
    this.#made.set(key, results)
    return results
  }
}

/** Larger constants are not compared with others. */
const MOST_SHARED = 1024

type Attributes = Readonly<Record<string, AttributeValue>>
