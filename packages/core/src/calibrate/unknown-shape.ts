import { type Graph, graphsOf, type Model, type Node, PareError } from '@pare/onnx'

/** A value that cannot be measured: it is in a graph of its own, or nobody knows how many axes it has. */
export function unknownShape(model: Model, value: string): PareError {
  const outer = holderOf(model, value)
  if (outer !== undefined)
    return new PareError(`'${value}' is computed in a graph within ${outer}, and what is computed there cannot be measured.`, {
      hint: 'leave use_cache_branch out where it is in the data: then the branch without a cache is measured. Or export the model without merging its branches (optimum-cli export onnx --no-post-process).',
    })
  return new PareError(`the number of axes of '${value}' does not follow from the model, so it cannot be measured.`, {
    hint: 'leave the weights that read it out with --exclude, or export the model with shapes.',
  })
}

/** The node in whose graph a value is made, as "If 'optimum::if'". Undefined: it is made in the model's own. */
function holderOf(model: Model, value: string): string | undefined {
  return model.graph.nodes
    .map((node) => [node, graphsIn(node)] as const)
    .flatMap(([{ op, name, outputs }, graphs]) =>
      graphs.some((graph) => makes(graph, value)) ? [`${op} '${name || outputs[0]}'`] : [],
    )[0]
}

const graphsIn = ({ attributes }: Node) =>
  [...attributes.values()].flatMap((attribute) => graphsOf(attribute).map(({ graph }) => graph))

function makes({ nodes }: Graph, value: string): boolean {
  return nodes.some((node) => node.outputs.includes(value) || graphsIn(node).some((graph) => makes(graph, value)))
}
