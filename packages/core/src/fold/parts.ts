import { editGraph, editModel, editTensor, elementCount, type Model, makeNode, makeValueInfo, type Node } from '@pare/onnx'
import type { Foldable } from './foldable.js'

/** A model without inputs that computes some weights, which are its outputs. */
export interface FoldingPart {
  readonly model: Model
  readonly foldable: readonly Foldable[]
}

/** Weights that are computed from the same large tensors are computed together: each is read once. */
export function partsOf(model: Model, foldable: readonly Foldable[]): readonly FoldingPart[] {
  return together(foldable).map((own) => ({ model: partOf(model, own), foldable: own }))
}

function partOf(model: Model, foldable: readonly Foldable[]): Model {
  const wanted = new Set<Node>(foldable.flatMap(({ nodes }) => nodes))
  const sources = new Map(foldable.flatMap(({ sources: own }) => own.map(({ name, tensor }) => [name, tensor] as const)))
  // What is sparse is no output, but what is copied of it. Run times take bf16 out as f32.
  const dense = foldable.flatMap(({ value, nodes, type }) => {
    const [inputs, outputs] = [[value], [`${value}/dense`]]
    if (type === 'bfloat16') return [{ value, node: makeNode({ op: 'Cast', inputs, outputs, attributes: { to: 1n } }) }]
    return nodes.length === 0 ? [{ value, node: makeNode({ op: 'Identity', inputs, outputs }) }] : []
  })
  const names = new Map(dense.map(({ value, node }) => [value, node.outputs[0]!]))
  const graph = editGraph(model.graph, {
    // Those of one weight are in order, and need none of a later one.
    nodes: [...wanted, ...dense.map(({ node }) => node)],
    initializers: [...sources].map(([name, tensor]) => (tensor.name === name ? tensor : editTensor(tensor, { name }))),
    sparseInitializers: [...new Set(foldable.flatMap(({ sparse }) => sparse))],
    inputs: [],
    outputs: foldable.map(({ value }) => makeValueInfo({ name: names.get(value) ?? value })),
    values: [],
  })
  return editModel(model, { graph, irVersion: Math.max(model.irVersion, 4) })
}

/** Tensors with fewer elements may be read more than once. */
const LARGE = 1024

function together(foldable: readonly Foldable[]): readonly (readonly Foldable[])[] {
  const parents = foldable.map((_, i) => i)
  const rootOf = (i: number): number => {
    let root = i
    while (parents[root] !== root) root = parents[root] = parents[parents[root]!]!
    return root
  }
  const owners = new Map<string, number>()
  for (const [i, { sources, sparse }] of foldable.entries()) {
    const large = sources.filter(({ tensor }) => elementCount(tensor.shape) > LARGE).map(({ name }) => name)
    for (const name of [...large, ...sparse]) {
      const owner = owners.get(name)
      if (owner === undefined) owners.set(name, i)
      else parents[rootOf(i)] = rootOf(owner)
    }
  }
  const groups = new Map<number, Foldable[]>()
  for (const [i, each] of foldable.entries()) groups.set(rootOf(i), [...(groups.get(rootOf(i)) ?? []), each])
  return [...groups.values()]
}
