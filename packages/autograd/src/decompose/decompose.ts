import { editGraph, editModel, GraphWriter, type Model, type Node, operatorName, PareError, readBy } from '@pare/onnx'
import { type GradientFacts, typedFactsOf } from '../site/facts.js'
import type { Decomposition, Entry, GradientRules } from '../site/rule.js'
import { GradientSite } from '../site/site.js'
import { withActivation } from './decompose-activation.js'
import { attentions } from './decompose-attention.js'
import { fusedNormalizations } from './decompose-normalize.js'
import { rotaries } from './decompose-rotary.js'

const DECOMPOSITIONS: Readonly<Record<string, Decomposition>> = {
  ...attentions,
  ...fusedNormalizations,
  ...rotaries,
  ...withActivation,
}

/**
 * The same model with operators that ONNX Runtime fused, and attention, written with plain ones, which have rules. What a decomposition does not know stays. The
 * model itself where there is nothing of the kind.
 */
export async function decompose(model: Model): Promise<Model> {
  const { graph } = model
  if (!graph.nodes.some((node) => decompositionOf(node) !== undefined)) return model
  const facts = await typedFactsOf(model)
  const read = new Set([...graph.nodes.flatMap(readBy), ...graph.outputs.map(({ name }) => name)])
  const emit = new GraphWriter(model.graph, 'plain')
  const nodes = graph.nodes.flatMap((node) => plain(node, { emit, facts, read }) ?? [node])
  const domains = new Set(emit.nodes.map(({ domain }) => domain))
  const opsets = new Map([...model.opsets, ...(domains.has('com.microsoft') ? [['com.microsoft', 1] as const] : [])])
  const initializers = [...graph.initializers, ...emit.constants]
  return editModel(model, { graph: editGraph(graph, { nodes, initializers }), opsets })
}

interface Surroundings {
  readonly emit: GraphWriter
  readonly facts: GradientFacts
  /** Names that a node or the caller reads. */
  readonly read: ReadonlySet<string>
}

/** Undefined: it stays. */
function plain(node: Node, { emit, facts, read }: Surroundings): readonly Node[] | undefined {
  const decomposition = decompositionOf(node)
  if (decomposition === undefined) return undefined
  const before = emit.nodes.length
  try {
    const outputs = decomposition(siteOf(node, emit, facts))
    for (const [i, name] of node.outputs.entries()) {
      if (!read.has(name)) continue
      const output = outputs[i]
      if (output === undefined) throw new PareError(`'${name}', output ${i} of ${node.op}, is not written with plain operators.`)
      emit.write('Identity', [output], [name])
    }
    return emit.nodes.slice(before)
  } catch (error) {
    if (!(error instanceof PareError)) throw error
    emit.forget(before)
    return undefined
  }
}

function siteOf(node: Node, emit: GraphWriter, facts: GradientFacts): GradientSite {
  return new GradientSite(node, emit, facts, {
    gradients: [],
    needs: [],
    outputOf: ({ outputs }, i) => outputs[i] ?? '',
    channelBlock: 0,
  })
}

function decompositionOf(node: Node): Decomposition | undefined {
  const key = operatorName(node)
  return Object.hasOwn(DECOMPOSITIONS, key) ? DECOMPOSITIONS[key] : undefined
}

/** What has a decomposition is there only in a form that this does not know: it says why. */
export const decomposed: GradientRules = Object.fromEntries(
  Object.entries(DECOMPOSITIONS).map(([key, decomposition]): [string, Entry] => [
    key,
    (site) => {
      decomposition(site)
      throw site.refuse('one of its outputs is read that plain operators do not give')
    },
  ]),
)
