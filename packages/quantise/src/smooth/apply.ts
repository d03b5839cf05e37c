import {
  editGraph,
  editModel,
  editNode,
  editTensor,
  keyOf,
  type Model,
  NewTensors,
  PareError,
  type Tensor,
  usesOf,
  withTensors,
} from '@pare/onnx'
import { withFloats } from '../halves/stored-halves.js'
import { scaledAlong } from '../scaled.js'
import { constantBehind } from '../static/normalization.js'
import { findSites, type SmoothSite } from './find.js'
import type { SmoothStep } from './step.js'

/**
 * The model with weights and what stands before them scaled: outputs are what they were, but for rounding. Tensors are scaled when they are read.
 *
 * @throws PareError where the model has no such value.
 */
export async function applySmoothing(stored: Model, { values }: Pick<SmoothStep, 'values'>): Promise<Model> {
  const model = withFloats(stored, new Set(values.flatMap(({ weights }) => weights)))
  const { sites } = await findSites(model)
  const byValue = new Map(sites.map((site) => [site.value, site]))
  return withFactors(
    model,
    values.map(({ id, factors }) => {
      const site = byValue.get(id)
      const read = factorsIn(factors)
      if (site === undefined || site.columns !== read.length) throw noSite(id, read.length)
      return { site, factors: read }
    }),
  )
}

export interface SiteFactors {
  readonly site: SmoothSite
  /** f32[columns]: what its weights are multiplied with, and what stands before is divided by. */
  readonly factors: Float32Array
}

/** y = (x ÷ s) · (diag(s) · W) = x · W */
export function withFactors(model: Model, smoothed: readonly SiteFactors[]): Model {
  const { graph } = model
  const uses = usesOf(graph)
  const changed = new Map<string, Tensor>()
  const tensors = new NewTensors(graph)
  const renamed = new Map<string, Map<number, string>>()
  const scale = (id: string, axis: number, factors: ArrayLike<number>) =>
    changed.set(id, scaledAlong(changed.get(id) ?? uses.constants.get(id)!, axis, factors))
  for (const { site, factors } of smoothed) {
    for (const { id, axis } of site.weights) scale(id, axis, factors)
    const inverse = Float64Array.from(factors, (factor) => 1 / factor)
    for (const { node, input, axis } of site.absorbers) {
      const id = node.inputs[input]!
      // Exporters store equal vectors once: what others read, too, is copied.
      if (uses.constants.has(id) && uses.of(id).length === 1 && uses.consumers.get(id)!.length === 1 && !uses.outputs.has(id))
        scale(id, axis, inverse)
      else {
        const { shape, type, data } = scaledAlong(constantBehind(id, uses)!, axis, inverse)
        const inputs = renamed.get(keyOf(node)) ?? new Map<number, string>()
        renamed.set(keyOf(node), inputs.set(input, tensors.add(`${id}_smooth`, { shape, type, data })))
      }
    }
  }
  const nodes = graph.nodes.map((node) => {
    const own = renamed.get(keyOf(node))
    return own === undefined ? node : editNode(node, { inputs: node.inputs.map((name, i) => own.get(i) ?? name) })
  })
  const initializers = [...graph.initializers, ...tensors.all]
  const edited = renamed.size === 0 ? model : editModel(model, { graph: editGraph(graph, { nodes, initializers }) })
  return withTensors(edited, (tensor, id) => {
    const { data } = changed.get(id) ?? tensor
    return data === tensor.data ? tensor : editTensor(tensor, { data })
  })
}

export function factorsIn(text: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'))
  return new Float32Array(bytes.buffer, 0, Math.floor(bytes.byteLength / 4))
}

export function factorsAsText({ buffer, byteOffset, byteLength }: Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64')
}

function noSite(value: string, columns: number): PareError {
  return new PareError(
    `the plan divides ${columns} columns of '${value}', and this model has no such value before weights alone.`,
    {
      hint: 'replay a plan on the model it was made for; its path and hash stand at the top of the plan.',
    },
  )
}
