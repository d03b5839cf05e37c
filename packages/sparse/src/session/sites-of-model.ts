import { editGraph, editModel, type Model } from '@pare/onnx'
import { computeInFloats, namesToKnow } from '../graph/compute-in-floats.js'
import { integersInFloats } from '../graph/integers.js'
import { type ProductSite, sparseSites } from '../graph/sites.js'
import type { SparseSessionOptions } from './options.js'
import type { CreateSession } from './ort-sessions.js'
import { ASKED } from './plan.js'
import { inferValues } from './values-between.js'

/** A model as it runs in parts. */
export interface FoundSites {
  /** Without defaults of inputs, and where halves, or integers with sparse weights, are multiplied, in f32. */
  readonly model: Model
  readonly defaults: ReadonlySet<string>
  readonly sites: readonly ProductSite[]
  /** Why there are no sites, where there are none. */
  readonly without: string
}

/** The products with sparse weights of a model, or why there are none. */
export async function findSites(whole: Model, options: SparseSessionOptions, createSession: CreateSession): Promise<FoundSites> {
  const { plan = 'measured', leastSparsity = 0.5, fewestElements = 16384 } = options
  const { model, defaults } = withoutDefaults(whole)
  const nothing = (without: string) => ({ model, defaults, sites: [], without })
  if (plan === 'dense') return nothing(ASKED)
  if (model.graph.sparseInitializers.length > 0)
    return nothing('the model has sparse initializers, which ONNX Runtime makes dense.')
  const results = new Set(model.graph.nodes.flatMap(({ outputs }) => outputs))
  const odd = model.graph.outputs.find(({ name }) => !results.has(name))
  if (odd !== undefined) return nothing(`the output '${odd.name}' is an input or a constant.`)
  let inFloats = model
  try {
    const names = namesToKnow(model)
    if (names.length > 0) inFloats = computeInFloats(model, await inferValues(createSession, model, names))
  } catch (error) {
    return nothing(`which of its values are halves cannot be told: ${(error as Error).message}`)
  }
  inFloats = await integersInFloats(inFloats, { leastSparsity, fewestElements })
  const sites = await sparseSites(inFloats, { leastSparsity, fewestElements, narrowFrom: NARROW_FROM })
  return {
    model: inFloats,
    defaults,
    sites,
    without: `no weight of ${fewestElements} elements or more that is multiplied has ${100 * leastSparsity} % zeros.`,
  }
}

/**
 * Bytes of values beyond which a model does not keep them in its caches from one run to the next, so that a single sample waits for memory. Halves are then up
 * to 1.6 times as fast; in the cache tiles of them are up to 1.2 times as slow.
 */
const NARROW_FROM = 1 << 24

/** Inputs that have a value if none is given become constants. */
function withoutDefaults(model: Model): { model: Model; defaults: ReadonlySet<string> } {
  const { graph } = model
  const values = new Set(graph.initializers.map(({ name }) => name))
  const defaults = new Set(graph.inputs.map(({ name }) => name).filter((name) => values.has(name)))
  if (defaults.size === 0) return { model, defaults }
  const inputs = graph.inputs.filter(({ name }) => !defaults.has(name))
  return { model: editModel(model, { graph: editGraph(graph, { inputs }) }), defaults }
}
