import { type Attributes, attributesOf, keyOf, type Node, present } from '@pare/onnx'
import type { Role } from '../units.js'
import { type Axis, addRole, pin, unify } from './axis.js'

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
  readonly isFixed: AxisSite['isFixed']
  readonly isFixedInput: AxisSite['isFixedInput']
  /** Collects. */
  readonly contractions: Contraction[]
  /** Collects nodes with role 'norm'. */
  readonly statistics: Set<Node>
}

/** Applies a rule to a node. What it does not claim is pinned. */
export function applyRule(rule: AxisRule, facts: SiteFacts): void {
  const { node, inputs, outputs } = facts
  const name = node.name || keyOf(node) || node.op
  const claimed = new Set<Axis>()
  const all = () => [...inputs, ...outputs].flatMap((axes) => axes ?? [])
  rule(siteOf({ ...facts, name, claimed }))
  pinAll(
    all().filter((axis) => !claimed.has(axis)),
    `${node.op} '${name}' works along it`,
  )
}

const pinAll = (axes: readonly Axis[], reason: string) => {
  for (const axis of axes) pin(axis, reason)
}

function siteOf({
  node,
  name,
  opset,
  inputs,
  outputs,
  values,
  elements,
  constants,
  isFixed,
  isFixedInput,
  contractions,
  statistics,
  claimed,
}: SiteFacts & { name: string; claimed: Set<Axis> }): AxisSite {
  const reason = `${node.op} '${name}'`
  const claim = (axis: Axis | undefined) => axis !== undefined && claimed.add(axis)
  return {
    ...attributesOf(node),
    node,
    name,
    opset,
    input: (index) => inputs[index],
    output: (index) => outputs[index],
    value: (index) => values[index],
    elements,
    isFixed,
    isFixedInput,
    isConstant: (index) => constants[index] ?? false,
    tie(a, b) {
      claim(a)
      claim(b)
      if (a !== undefined && b !== undefined) unify(a, b, reason)
    },
    free: (...axes) => axes.forEach(claim),
    role(role, ...axes) {
      for (const axis of axes) if (axis !== undefined) addRole(axis, role)
      if (role === 'norm') statistics.add(node)
    },
    contract(input, axis, zero) {
      const along = inputs[input]?.[axis]
      claim(along)
      if (along !== undefined) contractions.push({ node, input, axis, along, ...present({ zero }) })
    },
    compete(input, axis) {
      const along = inputs[input]?.[axis]
      claim(along)
      if (along !== undefined) contractions.push({ node, input, axis, along, isCompetition: true })
    },
  }
}
