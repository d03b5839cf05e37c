import { type AttributeValue, type Model, makeNode, makeTensor, type Node, type Tensor } from '@pare/onnx'

/** The least version of the operator set that gradients are written in. */
export const OPSET = 18

export interface NodeOptions {
  readonly domain?: string
  /** How many outputs. Default: 1 */
  readonly outputs?: number
}

/** Writes nodes in topological order. The same node written twice is written once. */
export class Emit {
  readonly nodes: Node[] = []
  readonly constants: Tensor[] = []
  readonly #made = new Map<string, readonly string[]>()
  readonly #taken: ReadonlySet<string>
  #next = 0

  constructor(
    model: Model,
    readonly prefix: string,
  ) {
    const { graph } = model
    this.#taken = new Set([
      ...graph.nodes.flatMap(({ outputs }) => outputs),
      ...[...graph.inputs, ...graph.initializers].map(({ name }) => name),
    ])
  }

  /** Name of the first output. */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    options: NodeOptions = {},
  ): string {
    return this.outputs(op, inputs, attributes, options)[0]!
  }

  /** Names of all outputs. */
  outputs(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    { domain = '', outputs: count = 1 }: NodeOptions = {},
  ): readonly string[] {
    const key = JSON.stringify([domain, op, inputs, Object.entries(attributes), count], (_, value) =>
      typeof value === 'bigint' ? `${value}n` : value,
    )
    return this.#once(key, () => {
      const outputs = Array.from({ length: count }, () => this.name())
      this.nodes.push(makeNode({ op, inputs, outputs, attributes, domain }))
      return outputs
    })
  }

  /** Under names that are given. */
  write(
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>>,
    domain: string,
  ): void {
    this.nodes.push(makeNode({ op, inputs, outputs, attributes, domain }))
  }

  /** Takes back what was written behind the first `count` nodes. */
  forget(count: number): void {
    const gone = new Set(this.nodes.splice(count).flatMap(({ outputs }) => outputs))
    for (const [key, outputs] of this.#made) if (outputs.some((name) => gone.has(name))) this.#made.delete(key)
  }

  /** A constant i64, or list of them. */
  ints(values: number | readonly number[]): string {
    const scalar = typeof values === 'number'
    return this.#constant('int64', scalar ? [] : [values.length], scalar ? [values] : values)
  }

  /** A constant f32[]. */
  float(value: number): string {
    return this.#constant('float32', [], [value])
  }

  /** A constant f32 of this shape. */
  floats(shape: readonly number[], values: readonly number[]): string {
    return this.#constant('float32', shape, values)
  }

  /** A name that the model does not have. */
  name(): string {
    for (;;) {
      const name = `${this.prefix}/${this.#next++}`
      if (!this.#taken.has(name)) return name
    }
  }

  #constant(type: 'int64' | 'float32', shape: readonly number[], values: readonly number[]): string {
    return this.#once(JSON.stringify([type, shape, values.map(String)]), () => {
      const tensor = makeTensor({ name: this.name(), type, shape, values })
      this.constants.push(tensor)
      return [tensor.name]
    })[0]!
  }

  #once(key: string, make: () => readonly string[]): readonly string[] {
    const known = this.#made.get(key)
    if (known !== undefined) return known
    const made = make()
    this.#made.set(key, made)
    return made
  }
}
