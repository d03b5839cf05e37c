import { type Model, parseText } from '@pare/onnx'

/** Choices from a seed, the same every time. */
export interface Choices {
  /** From `low` to `high`, both included. */
  int(low: number, high: number): number
  pick<T>(list: readonly T[]): T
  chance(probability: number): boolean
}

/** Marsaglia's xorshift32. */
export function choicesFrom(seed: number): Choices {
  let state = (seed * 2654435761 + 1) >>> 0 || 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 4294967296
  }
  for (let i = 0; i < 8; i++) next()
  const int = (low: number, high: number) => low + Math.floor(next() * (high - low + 1))
  return { int, pick: (list) => list[int(0, list.length - 1)]!, chance: (probability) => next() < probability }
}

/** A value of a graph that is being written: its name and sizes; −1 where a size is known only at run time. */
export interface Value {
  readonly name: string
  readonly shape: readonly number[]
}

/** Operators that make floats wherever they stand in these graphs. */
const FLOATS: ReadonlySet<string> = new Set(
  'Conv ConvTranspose MatMul Gemm Relu Add Softmax Transpose BatchNormalization Sigmoid Split Reshape'.split(' '),
)

/** Writes a graph as ONNX text, node by node. Constants are initializers or, now and then, Constant nodes. */
export class GraphText {
  readonly #nodes: string[] = []
  readonly #constants: string[] = []
  readonly #values: Record<string, Float32Array> = {}
  readonly #floats = new Map<string, string[]>()
  readonly #lists = new Map<string, string>()
  readonly #choices: Choices
  /** Values whose shapes the model states. */
  readonly #declared: Value[] = []
  readonly opset: number
  #names = 0

  constructor(choices: Choices, opset: number) {
    this.#choices = choices
    this.opset = opset
  }

  /** A node with one output. */
  node(op: string, inputs: readonly (Value | string | undefined)[], shape: readonly number[], attributes = ''): Value {
    return this.nodes(op, inputs, [shape], attributes)[0]!
  }

  /** A node that makes integers: the model does not state its shape. */
  integers(op: string, inputs: readonly (Value | string | undefined)[], shape: readonly number[], attributes = ''): Value {
    const output = { name: this.#fresh('i'), shape }
    const operands = inputs.map((input) => (typeof input === 'object' ? input.name : (input ?? '')))
    this.#nodes.push(`${output.name} = ${op}${attributes === '' ? '' : `<${attributes}>`}(${operands.join(', ')})`)
    return output
  }

  nodes(
    op: string,
    inputs: readonly (Value | string | undefined)[],
    shapes: readonly (readonly number[])[],
    attributes = '',
  ): Value[] {
    const outputs = shapes.map((shape) => ({ name: this.#fresh('v'), shape }))
    const operands = inputs.map((input) => (typeof input === 'object' ? input.name : (input ?? '')))
    while (operands.at(-1) === '') operands.pop()
    const brackets = attributes === '' ? '' : `<${attributes}>`
    this.#nodes.push(`${outputs.map(({ name }) => name).join(', ')} = ${op}${brackets}(${operands.join(', ')})`)
    if (FLOATS.has(op)) this.#declared.push(...outputs)
    return outputs
  }

  /** A weight of random numbers around `about`; now and then one that is there already, read once more. */
  weight(shape: readonly number[], about = 0): Value {
    const key = `${shape};${about}`
    const names = this.#floats.get(key) ?? []
    if (names.length > 0 && this.#choices.chance(shape.length > 1 ? 0.05 : 0.3)) return { name: this.#choices.pick(names), shape }
    const name = this.#fresh('w')
    const count = shape.reduce((all, size) => all * size, 1)
    const scale = shape.length > 1 ? 1.2 / Math.sqrt(count / Math.max(...shape)) : 0.5
    const numbers = Float32Array.from({ length: count }, () => about + scale * (this.#choices.int(-1000, 1000) / 1000))
    if (count <= 64 && this.#choices.chance(0.1)) {
      this.#nodes.push(`${name} = Constant<value = float[${shape}] {${[...numbers].map((x) => x.toFixed(4))}}>()`)
    } else {
      this.#constants.push(`float[${shape}] ${name}`)
      this.#values[name] = numbers
    }
    this.#floats.set(key, [...names, name])
    return { name, shape }
  }

  /** A float, or a list of floats. */
  floats(numbers: readonly number[], shape: readonly number[] = []): Value {
    const name = this.#fresh('f')
    this.#constants.push(`float${shape.length === 0 ? '' : `[${shape}]`} ${name}`)
    this.#values[name] = Float32Array.from(numbers)
    return { name, shape }
  }

  /** A list of integers: equal ones are one constant. */
  ints(numbers: readonly number[]): Value {
    const key = numbers.join()
    const shape = [numbers.length]
    const name = this.#lists.get(key) ?? this.#fresh('n')
    if (!this.#lists.has(key)) {
      this.#lists.set(key, name)
      if (this.#choices.chance(0.5)) this.#constants.push(`int64[${shape}] ${name} = {${key}}`)
      else this.#nodes.push(`${name} = Constant<value = int64[${shape}] {${key}}>()`)
    }
    return { name, shape }
  }

  text(inputs: string, outputs: readonly Value[]): string {
    const typed = ({ name, shape }: Value) => `float[${shape.map((size, i) => (size < 0 ? `${name}_${i}` : size))}] ${name}`
    const names = new Set(outputs.map(({ name }) => name))
    const stated = [...this.#constants, ...this.#declared.filter(({ name }) => !names.has(name)).map(typed)]
    const header = `<ir_version: 10, opset_import: ["" : ${this.opset}, "com.microsoft" : 1]>`
    return `${header} g (${inputs}) => (${outputs.map(typed).join(', ')}) <${stated.join(', ')}> {\n${this.#nodes.join('\n')}\n}`
  }

  model(inputs: string, outputs: readonly Value[]): Model {
    return parseText(this.text(inputs, outputs), this.#values)
  }

  #fresh(letter: string): string {
    return `${letter}${this.#names++}`
  }
}
