import { type Attributes, keyOf, type Node, NodeAttributes, PareError, present } from '@pare/onnx'
import { noRouting, type Routing } from '../experts/routing.js'
import type { Role } from '../units.js'
import { type Axis, addRole, pin, rootOf, unify } from './axis.js'

/** A node as its rule sees it. What a rule says nothing of is pinned afterwards: forgetting something makes less prunable, never wrong. */
export interface AxisSite extends Pick<Attributes, 'has' | 'int' | 'ints' | 'float' | 'floats' | 'string'> {
  readonly node: Node
  /** How messages call it. */
  readonly name: string
  /** Version of the operator set of the node's domain: what is left out means different things in different versions. */
  readonly opset: number
  /** Axes of an input. Undefined where it is left out. */
  input(index: number): readonly Axis[] | undefined
  /** Axes of an output. Undefined where it is left out. */
  output(index: number): readonly Axis[] | undefined
  /** Elements of a small integer input, where they follow from the model. */
  value(index: number): readonly number[] | undefined
  /** The same, each undefined where it is not the same whatever the sizes of the inputs. */
  elements(index: number): readonly (number | undefined)[] | undefined
  /** Whether the size of an output's axis is the same whatever the sizes of the inputs. */
  isFixed(output: number, axis: number): boolean
  /** Whether the size of an input's axis is the same whatever the sizes of the model's inputs. */
  isFixedInput(input: number, axis: number): boolean
  /** Whether an input is a constant of the model. */
  isConstant(index: number): boolean
  /** Whether a weight had a part in what an input holds: a mask or positions come from no weight. */
  isWeighted(index: number): boolean
  /** These two are one axis. Either may be missing: then nothing is said of the other. */
  tie(a: Axis | undefined, b: Axis | undefined): void
  /** Whatever is removed from these, nothing else changes. */
  free(...axes: readonly (Axis | undefined)[]): void
  role(role: Role, ...axes: readonly (Axis | undefined)[]): void
  /**
   * The node sums over this axis of an input: there a factor 0 equals removal. `zero`: the input with the zero point of an input that holds codes, by which
   * 0 is told; it may be left out.
   */
  contract(input: number, axis: number, zero?: number): void
  /** The node chooses positions of this axis of an input by the numbers there, or takes a Softmax: there a number below all others equals removal. */
  compete(input: number, axis: number): void
  /** Numbers of a router compete along this axis: it is held for `reason`, unless it turns out that experts are chosen. */
  route(input: number, axis: number, reason: string): void
  /** The axis of which the numbers in an input are positions, as experts that were chosen. */
  positions(input: number): Axis | undefined
  /** The same of an output. */
  tellPositions(output: number, axis: Axis): void
  /** The node does nothing with positions in this input but find what stands there. */
  readPositions(input: number): void
  /** Where a position of this axis was not chosen, an output is 0 or false. */
  vanish(output: number, axis: Axis): void
  /** Whether an input is 0 throughout. */
  isZero(input: number): boolean
  /** An output is one position of an axis of experts. */
  pick(axis: Axis, unit: number, output: number): void
  /** Whether an input is 0 or false at the positions of an axis that were not chosen. */
  vanishes(input: number, axis: Axis): boolean
  /** Each input is one position of the axis. */
  stack(axis: Axis): void
}

/** What an operator does to axes. */
export type AxisRule = (site: AxisSite) => void

/** A place where a node sums over an axis of its input. */
export interface Contraction {
  readonly node: Node
  readonly input: number
  readonly axis: number
  readonly along: Axis
  /** Set where the input holds codes: which input their zero point is. */
  readonly zero?: number
  /** Whether positions compete there: one that is removed has a number below all others, and not 0. Default: false */
  readonly isCompetition?: boolean
}

export interface SiteFacts {
  readonly node: Node
  readonly opset: number
  readonly inputs: readonly (readonly Axis[] | undefined)[]
  readonly outputs: readonly (readonly Axis[] | undefined)[]
  readonly values: readonly (readonly number[] | undefined)[]
  readonly elements: AxisSite['elements']
  readonly constants: readonly boolean[]
  readonly isWeighted: AxisSite['isWeighted']
  readonly isFixed: AxisSite['isFixed']
  readonly isFixedInput: AxisSite['isFixedInput']
  /** Collects. */
  readonly contractions: Contraction[]
  /** Collects nodes with role 'norm'. */
  readonly statistics: Set<Node>
  /** Collects. Default: nothing is kept */
  readonly routing?: Routing
  /** Inputs whose positions are only moved. Default: none */
  readonly moved?: ReadonlySet<number>
}

/** Applies a rule to a node. What it does not claim is pinned. */
export function applyRule(rule: AxisRule, facts: SiteFacts): void {
  const { node, inputs, outputs } = facts
  const name = node.name || keyOf(node) || node.op
  const claimed = new Set<Axis>()
  try {
    const site = new NodeSite(facts, name, claimed)
    rule(site)
    site.holdPositions()
  } catch (error) {
    if (!(error instanceof PareError)) throw error
    throw new PareError(`${node.op} '${name}': ${error.message}`, { hint: error.hint, cause: error })
  }
  for (const values of [inputs, outputs])
    for (const axes of values)
      for (const axis of axes ?? []) if (!claimed.has(axis)) pin(axis, `${node.op} '${name}' works along it`)
}

/** One for each node: it makes nothing that a rule does not ask for. */
class NodeSite extends NodeAttributes implements AxisSite {
  readonly #facts: SiteFacts
  readonly #claimed: Set<Axis>
  readonly #routing: Routing
  readonly #read = new Set<number>()

  constructor(
    facts: SiteFacts,
    readonly name: string,
    claimed: Set<Axis>,
  ) {
    super(facts.node.attributes)
    this.#facts = facts
    this.#claimed = claimed
    this.#routing = facts.routing ?? noRouting()
  }

  get node(): Node {
    return this.#facts.node
  }
  get opset(): number {
    return this.#facts.opset
  }
  get elements(): AxisSite['elements'] {
    return this.#facts.elements
  }
  get isWeighted(): AxisSite['isWeighted'] {
    return this.#facts.isWeighted
  }
  get isFixed(): AxisSite['isFixed'] {
    return this.#facts.isFixed
  }
  get isFixedInput(): AxisSite['isFixedInput'] {
    return this.#facts.isFixedInput
  }

  input(index: number): readonly Axis[] | undefined {
    return this.#facts.inputs[index]
  }

  output(index: number): readonly Axis[] | undefined {
    return this.#facts.outputs[index]
  }

  value(index: number): readonly number[] | undefined {
    return this.#facts.values[index]
  }

  isConstant(index: number): boolean {
    return this.#facts.constants[index] ?? false
  }

  tie(a: Axis | undefined, b: Axis | undefined): void {
    this.free(a, b)
    if (a !== undefined && b !== undefined) unify(a, b, `${this.node.op} '${this.name}'`)
  }

  free(...axes: readonly (Axis | undefined)[]): void {
    for (const axis of axes) if (axis !== undefined) this.#claimed.add(axis)
  }

  role(role: Role, ...axes: readonly (Axis | undefined)[]): void {
    for (const axis of axes) if (axis !== undefined) addRole(axis, role)
    if (role === 'norm') this.#facts.statistics.add(this.node)
  }

  contract(input: number, axis: number, zero?: number): void {
    const along = this.input(input)?.[axis]
    this.free(along)
    if (along !== undefined) this.#facts.contractions.push({ node: this.node, input, axis, along, ...present({ zero }) })
  }

  compete(input: number, axis: number): void {
    const along = this.input(input)?.[axis]
    this.free(along)
    if (along !== undefined) this.#facts.contractions.push({ node: this.node, input, axis, along, isCompetition: true })
  }

  route(input: number, axis: number, reason: string): void {
    const along = this.input(input)?.[axis]
    if (along === undefined) return
    this.compete(input, axis)
    if (!this.#routing.competitions.has(along)) this.#routing.competitions.set(along, reason)
  }

  positions(input: number): Axis | undefined {
    return this.#routing.positions.get(this.node.inputs[input] ?? '')
  }

  tellPositions(output: number, axis: Axis): void {
    const name = this.node.outputs[output]
    if (name) this.#routing.positions.set(name, axis)
  }

  readPositions(input: number): void {
    this.#read.add(input)
  }

  vanish(output: number, axis: Axis): void {
    this.#routing.vanishing.set(this.node.outputs[output]!, axis)
  }

  isZero(input: number): boolean {
    const isZero = (number: number) => number === 0
    return this.#routing.zeros.has(this.node.inputs[input] ?? '') || (this.value(input)?.every(isZero) ?? false)
  }

  pick(axis: Axis, unit: number, output: number): void {
    const { node } = this
    this.free(axis)
    const vanishes = this.vanishes(0, axis) || node.op === 'Equal'
    this.#routing.picks.push({ axis, unit, value: node.outputs[output]!, vanishes, node })
  }

  vanishes(input: number, axis: Axis): boolean {
    const along = this.#routing.vanishing.get(this.node.inputs[input] ?? '')
    return along !== undefined && rootOf(along) === rootOf(axis)
  }

  stack(axis: Axis): void {
    this.free(axis)
    this.#routing.stacks.push({ axis, node: this.node })
  }

  /** Whoever computes with the numbers of positions would compute with others once some are gone. */
  holdPositions(): void {
    for (const input of this.node.inputs.keys()) {
      const axis = this.positions(input)
      if (axis !== undefined && !this.#read.has(input) && !this.#facts.moved?.has(input))
        pin(axis, `${this.node.op} '${this.name}' computes with the numbers of its positions`)
    }
  }
}
