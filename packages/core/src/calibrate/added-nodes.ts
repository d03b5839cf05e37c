import { type AttributeValue, makeNode, makeTensor, type Node, type Tensor } from '@pare/onnx'

/** Nodes and constants that are put behind those of a graph. Each method gives the name of a value. */
export interface AddedNodes {
  readonly nodes: Node[]
  readonly constants: Tensor[]
  node(op: string, inputs: readonly string[], attributes?: Record<string, AttributeValue>, output?: string): string
  /** i64[] of a number, i64[n] of a list. */
  ints(values: number | readonly number[]): string
  /** f32[] of a number, of a list f32[shape]. Default: f32[n] */
  floats(values: number | ArrayLike<number>, shape?: readonly number[]): string
}

/** Names are `prefix` and a number. */
export function addedNodes(prefix: string): AddedNodes {
  const nodes: Node[] = []
  const constants: Tensor[] = []
  let next = 0
  const newName = () => `${prefix}${next++}`
  return {
    nodes,
    constants,
    node(op, inputs, attributes = {}, output = newName()) {
      nodes.push(makeNode({ op, inputs, outputs: [output], attributes }))
      return output
    },
    ints: (values) => constant('int64', values),
    floats: (values, shape) => constant('float32', values, shape),
  }

  function constant(type: 'int64' | 'float32', values: number | ArrayLike<number>, shape?: readonly number[]): string {
    const list = typeof values === 'number' ? [values] : values
    const name = newName()
    constants.push(makeTensor({ name, type, shape: shape ?? (typeof values === 'number' ? [] : [list.length]), values: list }))
    return name
  }
}
