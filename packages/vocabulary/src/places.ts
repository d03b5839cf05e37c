import { type Axis, type Coupling, findCoupling, flattened, rootOf } from '@pare/axes'
import { keyOf, type Model, PareError } from '@pare/onnx'
import { type ComparedIds, followIds } from './token-ids.js'

/** Where a model holds something for each token of its vocabulary. */
export interface VocabularyPlaces {
  /** Tokens. */
  readonly size: number
  /** Ids of the groups of units: tables of embeddings by rows, heads by outputs. */
  readonly groups: readonly string[]
  /** What ids of tokens are compared with. */
  readonly compared: readonly ComparedIds[]
  readonly coupling: Coupling
}

/**
 * The rows of all tables that tokens choose among, and the outputs of all heads over the same tokens. Throws PareError where there are none, or where a node does
 * with ids of tokens what new ids would change.
 */
export async function findVocabulary(model: Model): Promise<VocabularyPlaces> {
  const coupling = await findCoupling(model)
  const { dependencies, atoms } = coupling
  const { tables, compared } = followIds(flattened(model).model, dependencies)
  const rows = new Map<Axis, string>()
  for (const node of tables) rows.set(rootOf(dependencies.axesAt(keyOf(node), 0)![0]!), node.inputs[0]!)
  const [[first, name] = [], ...others] = rows
  if (first === undefined)
    throw new PareError('no table of the model is read by ids of tokens.', {
      hint: 'it may hold integers: take the model as it was before it was quantised, and quantise it afterwards.',
    })
  const other = others.find(([axis]) => axis.size !== first.size)
  if (other !== undefined)
    throw new PareError(`ids of tokens choose among ${first.size} rows of '${name}' and ${other[0].size} of '${other[1]}'.`, {
      hint: 'models with vocabularies of several sizes stay as they are.',
    })
  const groupOf = new Map([...atoms].map(([id, atom]) => [rootOf(atom), id] as const))
  const heads = model.graph.outputs.flatMap(({ name }) => {
    const last = dependencies.values.get(name)?.at(-1)
    return last?.size === first.size && groupOf.has(rootOf(last)) ? [rootOf(last)] : []
  })
  const groups = [...new Set([...rows.keys(), ...heads])].map((axis) => {
    const id = groupOf.get(axis)
    if (id === undefined)
      throw new PareError(`the rows of '${rows.get(axis)}' are no axis of a weight that pare knows.`, {
        hint: 'please report the model.',
      })
    return id
  })
  return { size: first.size, groups, compared, coupling }
}
