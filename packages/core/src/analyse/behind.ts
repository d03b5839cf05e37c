import { elementCount, madeBy, type NameScope, type Node, readBy, type Tensor } from '@pare/onnx'

/** A stored tensor that a weight is computed from, and the node that is nearest to the operator. */
export interface Behind {
  readonly id: string
  readonly tensor: Tensor
  readonly node: Node
}

/** Values that are computed from constants alone: weights that are normalised, dequantised or merged in the graph. */
export interface ComputedConstants {
  /** Notes what a node makes, where all it reads is constant. Nodes come in topological order. Linear in its inputs. */
  add(node: Node, scope: NameScope): void
  /** Whether a node computes with constants only: such a node is no layer. */
  isConstant(node: Node): boolean
  /** The largest stored tensor that a value is computed from. Undefined for constants themselves, and for what depends on inputs. */
  behind(name: string, scope: NameScope): Behind | undefined
}

export function computedConstants(): ComputedConstants {
  const values = new Map<string, Behind>()
  const numbers = new Set<string>()
  const constants = new Set<Node>()
  return {
    add(node, scope) {
      // Numbers in attributes: no weights, and constant.
      if (node.op === 'Constant') for (const name of madeBy(node)) numbers.add(`${scope.path}${name}`)
      const read = readBy(node).filter((name) => scope.constant(name) !== undefined || !numbers.has(`${scope.path}${name}`))
      const inputs = read.map((name) => scope.constant(name) ?? values.get(`${scope.path}${name}`))
      if (inputs.length === 0 || inputs.includes(undefined)) return
      constants.add(node)
      const [first, ...others] = inputs as Pick<Behind, 'id' | 'tensor'>[]
      const { id, tensor } = others.reduce((a, b) => (sizeOf(b) > sizeOf(a) ? b : a), first!)
      for (const name of madeBy(node)) values.set(`${scope.path}${name}`, { id, tensor, node })
    },
    isConstant: (node) => constants.has(node),
    behind: (name, scope) => (scope.constant(name) === undefined ? values.get(`${scope.path}${name}`) : undefined),
  }
}

const sizeOf = ({ tensor }: Pick<Behind, 'tensor'>) => elementCount(tensor.shape)
