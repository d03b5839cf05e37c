import {
  type Attributes,
  attributesOf,
  type DataType,
  type Dim,
  type Dims,
  type GraphWriter,
  keyOf,
  type Node,
  PareError,
} from '@pare/onnx'
import type { GradientFacts } from './facts.js'

/** Gradients of a node's inputs, by position; undefined where none flows. */
export type Gradients = readonly (string | undefined)[]

/** The gradients of a node's inputs from those of its outputs, as nodes that `site` writes. Its equation stands beside it. */
export type GradientRule = (site: GradientSite) => Gradients

interface StandIn {
  readonly gradient: string
  readonly needs: readonly boolean[]
  readonly shapes: ReadonlyMap<string, string>
}

/** A node whose gradient is written, and what its rule may ask. */
export class GradientSite implements Pick<Attributes, 'int' | 'ints' | 'float' | 'floats' | 'string' | 'plain'> {
  readonly int: Attributes['int']
  readonly ints: Attributes['ints']
  readonly float: Attributes['float']
  readonly floats: Attributes['floats']
  readonly string: Attributes['string']
  readonly plain: Attributes['plain']

  constructor(
    readonly node: Node,
    readonly emit: GraphWriter,
    private readonly facts: GradientFacts,
    private readonly context: {
      readonly gradients: Gradients
      readonly needs: readonly boolean[]
      /** Gives an output a name that the node left out. */
      readonly outputOf: (node: Node, output: number) => string
      /** Channels in a block of the machine's layout for convolutions, 0 where none is asked for. */
      readonly channelBlock: number
    },
  ) {
    const attributes = attributesOf(node)
    this.int = attributes.int
    this.ints = attributes.ints
    this.float = attributes.float
    this.floats = attributes.floats
    this.string = attributes.string
    this.plain = attributes.plain
  }

  /** Of a node that is in no graph and stands for a part of this one's gradient. `shapes`: values that have the shapes of others. */
  of(node: Node, { gradient, needs, shapes }: StandIn): GradientSite {
    const { facts, channelBlock } = this
    const like: GradientFacts = {
      dims: (value) => facts.dims(shapes.get(value) ?? value),
      constant: (value) => facts.constant(value),
      type: (value) => facts.type(shapes.get(value) ?? value),
    }
    return new GradientSite(node, this.emit, like, {
      gradients: [gradient],
      needs,
      outputOf: ({ outputs }, i) => outputs[i]!,
      channelBlock,
    })
  }

  /** '' where it is left out. */
  input(i: number): string {
    return this.node.inputs[i] ?? ''
  }

  has(i: number): boolean {
    return this.input(i) !== ''
  }

  /** The node gives this output from now on, if it did not. */
  output(i: number): string {
    return this.context.outputOf(this.node, i)
  }

  get channelBlock(): number {
    return this.context.channelBlock
  }

  /** Of an output; undefined where the loss does not depend on it. */
  gradientOf(output: number): string | undefined {
    return this.context.gradients[output]
  }

  /** Of the only output that a loss can depend on. */
  get gradient(): string {
    const gradient = this.gradientOf(0)
    if (gradient === undefined) throw new Error(`${this.name}: a gradient of its first output was expected`)
    return gradient
  }

  /** Whether the gradient of an input is asked for. */
  wants(input: number): boolean {
    return this.context.needs[input] ?? false
  }

  /** Throws PareError where they do not follow from the model. */
  dims(value: string): Dims {
    const dims = this.facts.dims(value)
    if (dims !== undefined) return dims
    throw this.refuse(`the shape of '${value}' does not follow from the model`)
  }

  /** Where the model states it: of inputs, initializers and comparisons. */
  type(value: string): DataType | undefined {
    return this.facts.type(value)
  }

  rank(value: string): number {
    return this.dims(value).length
  }

  /** Elements of a small constant; undefined where they are not always the same. */
  constant(value: string): readonly number[] | undefined {
    return value === '' ? undefined : this.facts.constant(value)?.numbers
  }

  /** Elements of an input that must be constant. */
  constantInput(i: number, what: string): readonly number[] {
    const constant = this.constant(this.input(i))
    if (constant !== undefined) return constant
    throw this.refuse(`its ${what} is computed while the model runs`)
  }

  /** Counted from the front. */
  axis(value: string, axis: number): number {
    return axis < 0 ? axis + this.rank(value) : axis
  }

  get name(): string {
    return this.node.name || keyOf(this.node) || this.node.op
  }

  /** What a rule throws that cannot handle this node. */
  refuse(reason: string): PareError {
    return new PareError(`autograd: '${this.name}' (${this.node.op}) has no gradient: ${reason}.`, {
      hint: 'leave what lies before it out of the training, or freeze it.',
    })
  }

  /** Each axis of a value as a number, or as i64[1] computed: [first, second, …], for Reshape, Expand, Slice. */
  sizes(dims: readonly Dim[], of: string): string {
    if (dims.every((size) => typeof size === 'number')) return this.emit.ints(dims as readonly number[])
    const open = dims.filter((size) => typeof size === 'string')
    if (dims.length === this.rank(of) && dims.every((size, axis) => size === this.dims(of)[axis])) return this.shape(of)
    const parts = dims.map((size) => {
      if (typeof size === 'number') return this.emit.ints([size])
      const axis = this.dims(of).indexOf(size)
      if (axis < 0) throw new Error(`${this.name}: '${of}' has no axis of the size ${open}`)
      return this.size(of, axis)
    })
    return this.emit.node('Concat', parts, { axis: 0n })
  }

  /** i64[rank], computed where it is not always the same. */
  shape(value: string): string {
    const dims = this.facts.dims(value)
    if (dims?.every((size) => typeof size === 'number')) return this.emit.ints(dims as readonly number[])
    return this.emit.node('Shape', [value])
  }

  /** i64[1]: the size of one axis. */
  size(value: string, axis: number): string {
    const size = this.facts.dims(value)?.[axis]
    if (typeof size === 'number') return this.emit.ints([size])
    return this.emit.node('Shape', [value], { start: BigInt(axis), end: BigInt(axis + 1) })
  }

  // Elementwise operations, by their signs.

  add(a: string, b: string): string {
    return this.emit.node('Add', [a, b])
  }
  sub(a: string, b: string): string {
    return this.emit.node('Sub', [a, b])
  }
  mul(a: string, b: string | number): string {
    if (b === 1) return a
    return this.emit.node('Mul', [a, typeof b === 'number' ? this.emit.float(b) : b])
  }
  /** Of i64. */
  mulInts(a: string, b: number): string {
    return b === 1 ? a : this.emit.node('Mul', [a, this.emit.ints([b])])
  }
  div(a: string, b: string): string {
    return this.emit.node('Div', [a, b])
  }
  neg(a: string): string {
    return this.emit.node('Neg', [a])
  }
  /** Where `condition` holds `a`, else 0. */
  keep(condition: string, a: string): string {
    return this.emit.node('Where', [condition, a, this.emit.float(0)])
  }
  sum(a: string, axes: readonly number[], keepdims = true): string {
    if (axes.length === 0) return a
    return this.emit.node('ReduceSum', [a, this.emit.ints(axes)], { keepdims: keepdims ? 1n : 0n })
  }
  mean(a: string, axes: readonly number[], keepdims = true): string {
    return this.emit.node('ReduceMean', [a, this.emit.ints(axes)], { keepdims: keepdims ? 1n : 0n })
  }
  reshape(a: string, shape: string): string {
    return this.emit.node('Reshape', [a, shape], { allowzero: 1n })
  }
  /** In the shape of another value. */
  reshapeLike(a: string, like: string): string {
    return this.reshape(a, this.shape(like))
  }
  transpose(a: string, perm: readonly number[]): string {
    if (perm.every((axis, i) => axis === i)) return a
    return this.emit.node('Transpose', [a], { perm: perm.map(BigInt) })
  }
  unsqueeze(a: string, axes: readonly number[]): string {
    return axes.length === 0 ? a : this.emit.node('Unsqueeze', [a, this.emit.ints(axes)])
  }
  /** a · b over the last two axes, each transposed where said. */
  matmul(a: string, b: string, { transA = false, transB = false, alpha = 1 } = {}): string {
    if (!transA && !transB && alpha === 1) return this.emit.node('MatMul', [a, b])
    return this.emit.node(
      'FusedMatMul',
      [a, b],
      { transA: BigInt(transA), transB: BigInt(transB), alpha },
      { domain: 'com.microsoft' },
    )
  }

  /** How many elements lie along these axes, f32. */
  count(value: string, axes: readonly number[]): string {
    const sizes = axes.map((axis) => this.dims(value)[axis]!)
    if (sizes.every((size) => typeof size === 'number'))
      return this.emit.float((sizes as readonly number[]).reduce((a, b) => a * b, 1))
    const factor = (sizes.filter((size) => typeof size === 'number') as readonly number[]).reduce((a, b) => a * b, 1)
    const open = axes.filter((_, i) => typeof sizes[i] === 'string').map((axis) => this.size(value, axis))
    const product = open.reduce((a, b) => this.emit.node('Mul', [a, b]))
    return this.mul(this.emit.node('Cast', [this.emit.node('Squeeze', [product, this.emit.ints([0])])], { to: 1n }), factor)
  }

  castLike(value: string, like: string): string {
    return this.emit.node('CastLike', [value, like])
  }

  /**
   * Zeros, `size` (i64[1]) of them along an axis, to which slices of a gradient are added at `indices` (i64[n]). Not with ScatterND: ONNX Runtime's
   * loses additions where an index occurs twice.
   */
  scatterAdd(gradient: string, indices: string, { axis, size }: { axis: number; size: string }): string {
    const shape = this.emit.node('Shape', [gradient])
    const part = (start: number, end?: number) =>
      this.emit.node('Shape', [gradient], { start: BigInt(start), ...(end !== undefined && { end: BigInt(end) }) })
    const whole = this.emit.node('Concat', [...(axis === 0 ? [] : [part(0, axis)]), size, part(axis + 1)], { axis: 0n })
    const zeros = this.emit.node('Expand', [this.emit.float(0), whole])
    // The axes behind have size 1 and repeat; the rank comes from the shape that is expanded to.
    const line = this.emit.node(
      'Concat',
      [this.emit.ints([-1]), this.emit.node('Expand', [this.emit.ints(1), this.emit.node('Shape', [part(axis + 1)])])],
      {
        axis: 0n,
      },
    )
    const repeated = this.emit.node('Expand', [this.reshape(indices, line), shape])
    return this.emit.node('ScatterElements', [zeros, repeated, gradient], { axis: BigInt(axis), reduction: 'add' })
  }

  /** A gradient of one position along an axis, with zeros around it. */
  padded(gradient: string, { axis, at, of }: { axis: number; at: number; of: string }): string {
    const rank = this.rank(of)
    const whole = this.size(of, axis)
    const begin = at < 0 ? this.emit.node('Add', [whole, this.emit.ints([at])]) : this.emit.ints([at])
    const behind = this.sub(this.sub(whole, begin), this.emit.ints([1]))
    const zero = this.emit.ints([0])
    const line = (value: string) => Array.from({ length: rank }, (_, i) => (i === axis ? value : zero))
    return this.emit.node('Pad', [gradient, this.emit.node('Concat', [...line(begin), ...line(behind)], { axis: 0n })])
  }

  /**
   * A gradient in the shape that broadcasting made, summed to the shape of what was broadcast: x̄ = Σ ȳ over the axes along which x was repeated.
   * `from` has the shape that was made.
   */
  reduceTo(gradient: string, from: string, to: string): string {
    const source = this.dims(from)
    const target = this.dims(to)
    const more = source.length - target.length
    const axes = [...source.keys()].filter((axis) => axis < more || (target[axis - more] === 1 && source[axis] !== 1))
    if (axes.length === 0) return gradient
    const summed = this.sum(gradient, axes)
    if (more === 0) return summed
    return this.emit.node('Squeeze', [summed, this.emit.ints(Array.from({ length: more }, (_, axis) => axis))])
  }
}
