import { attributesOf, type DataType, dataTypeOf, factsOf, type Model, type ModelFacts, madeBy } from '@pare/onnx'

/** What is known of the values of a model, whatever the sizes of its inputs. */
export interface GradientFacts extends Pick<ModelFacts, 'dims' | 'constant'> {
  /** Of inputs and initializers, and bool where a node decides; undefined: not known. */
  type(value: string): DataType | undefined
}

/** Two sizes without a name may differ: a gradient is summed over an axis that was stretched. */
export async function typedFactsOf(model: Model): Promise<GradientFacts> {
  const types = typesOf(model)
  return { ...(await factsOf(model, { unnamed: 'apart' })), type: (value) => types.get(value) }
}

function typesOf({ graph }: Model): ReadonlyMap<string, DataType> {
  const types = new Map<string, DataType>()
  for (const { name, type } of [...graph.inputs, ...graph.values, ...graph.initializers])
    if (type !== undefined) types.set(name, type)
  for (const node of graph.nodes) {
    const to = node.op === 'Cast' ? attributesOf(node).int('to') : undefined
    const type = to !== undefined ? dataTypeOf(to) : DECIDES.has(node.op) ? 'bool' : undefined
    // What rearranges values keeps their type.
    const kept = type ?? (KEEPS.has(node.op) ? types.get(node.inputs[0] ?? '') : undefined)
    if (kept !== undefined) for (const name of madeBy(node)) types.set(name, kept)
  }
  return types
}

const DECIDES: ReadonlySet<string> = new Set(
  'Equal Greater GreaterOrEqual Less LessOrEqual And Or Not Xor IsNaN IsInf'.split(' '),
)
const KEEPS: ReadonlySet<string> = new Set(
  'Identity Reshape Unsqueeze Squeeze Transpose Expand Slice Gather Concat Tile Flatten Trilu Pad'.split(' '),
)
