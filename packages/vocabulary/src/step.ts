import { cut, flattened, rootOf } from '@pare/axes'
import { editGraph, editModel, editNode, keyOf, type Model, makeTensor, PareError, type Tensor } from '@pare/onnx'
import { findVocabulary } from './places.js'
import { newIds } from './renumber.js'
import type { ComparedIds } from './token-ids.js'

/** Tokens leave a model: as a step of a plan. */
export interface VocabularyStep {
  readonly kind: 'vocabulary'
  /** Groups of units: tables by rows, heads by outputs. */
  readonly groups: readonly string[]
  /** Tokens before. */
  readonly units: number
  /** Which stay: one bit a token, the lowest of a byte first, in base64. */
  readonly kept: string
}

export async function vocabularyStep(model: Model, kept: ReadonlySet<number>): Promise<VocabularyStep> {
  const { size, groups } = await findVocabulary(model)
  const bits = Buffer.alloc(Math.ceil(size / 8))
  for (const id of kept) if (id < size) bits[id >> 3]! |= 1 << (id & 7)
  return { kind: 'vocabulary', groups, units: size, kept: bits.toString('base64') }
}

/** The ids that stay, in order. */
export function keptOf({ kept, units }: VocabularyStep): number[] {
  const bits = Buffer.from(kept, 'base64')
  return Array.from({ length: units }, (_, id) => id).filter((id) => (bits[id >> 3]! >> (id & 7)) & 1)
}

/** The model with the tokens that stay, under new ids in the old order. The model itself is not changed. */
export async function applyVocabulary(model: Model, step: VocabularyStep): Promise<Model> {
  const { size, groups, compared, coupling } = await findVocabulary(model)
  if (size !== step.units || groups.join('\n') !== step.groups.join('\n'))
    throw new PareError(
      `the plan is for ${step.units} tokens in ${step.groups.join(', ')}, and the model has ${size} in ${groups.join(', ')}.`,
      {
        hint: 'a plan is for the model it was made for.',
      },
    )
  const ids = newIds(keptOf(step))
  const removed = Uint8Array.from({ length: size }, (_, id) => (ids.has(id) ? 0 : 1))
  const smaller = cut(model, coupling.dependencies, new Map(groups.map((id) => [rootOf(coupling.atoms.get(id)!), removed])))
  return withCompared(smaller, compared, ids)
}

/** What ids are compared with gets its new id, also in branches. */
function withCompared(model: Model, compared: readonly ComparedIds[], ids: ReadonlyMap<number, number>): Model {
  if (compared.length === 0) return model
  const { model: flat, nest } = flattened(model)
  const added: Tensor[] = []
  const nodes = flat.graph.nodes.map((node) => {
    const own = compared.find((each) => each.node === keyOf(node))
    if (own === undefined) return node
    // An id that is gone, or none such as −1, equals none that stays.
    const values = own.ids.map((id) => ids.get(id) ?? -1)
    const name = `${keyOf(node)}/ids`
    added.push(makeTensor({ name, type: own.type, shape: own.shape, values }))
    return editNode(node, { inputs: node.inputs.with(own.input, name) })
  })
  return nest(editModel(flat, { graph: editGraph(flat.graph, { nodes, initializers: [...flat.graph.initializers, ...added] }) }))
}
