import { attributesOf, type Model, type NameScope, visitNodes } from '@pare/onnx'

/** Operators that look rows up in a table: the position of the ids among their inputs, and that of the table. */
const LOOKUPS: Readonly<Record<string, readonly (readonly [ids: number, table: number])[]>> = {
  Gather: [[1, 0]],
  EmbedLayerNormalization: [
    [0, 2],
    [1, 4],
    [8, 3],
  ],
}

/** For each input that indexes constant tables, also through Cast: the rows of the smallest of them. */
export function tableRows(model: Model): ReadonlyMap<string, number> {
  const rows = new Map<string, number>()
  const inputs = new Set(model.graph.inputs.map(({ name }) => name))
  visitNodes(model, (node, scope) => {
    for (const [ids, table] of LOOKUPS[node.op] ?? []) {
      const name = sourceOf(node.inputs[ids], scope)
      const shape = scope.constant(node.inputs[table] ?? '')?.tensor.shape
      if (name === undefined || shape === undefined || !inputs.has(name)) continue
      const size = shape.at(attributesOf(node).int('axis', 0))
      if (size !== undefined) rows.set(name, Math.min(size, rows.get(name) ?? size))
    }
  })
  return rows
}

function sourceOf(name: string | undefined, scope: NameScope): string | undefined {
  if (name === undefined) return undefined
  const producer = scope.producer(name)
  return producer?.op === 'Cast' ? sourceOf(producer.inputs[0], scope) : name
}
