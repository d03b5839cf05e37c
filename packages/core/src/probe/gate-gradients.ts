import { editGraph, editModel, type Model, makeTensor, PareError } from '@pare/onnx'
import type { ForwardOptions } from '../calibrate/forward.js'
import { type Differentiation, instrumentGradients } from '../calibrate/gradients.js'
import type { Statistic, UnitGroup } from '../contract/contract.js'
import { gateOf, withGates } from './gates.js'

const STATISTICS: Record<'size' | 'square', Statistic> = {
  size: { at: 'gradient', of: (g, ops) => ops.abs(g), reduce: 'mean' },
  square: { at: 'gradient', of: (g, ops) => ops.square(g), reduce: 'mean' },
}

/** f64[units] for each group: means over samples of what the derivatives with respect to gates become, at gates of 1. */
export async function gateGradients(
  model: Model,
  { groups, of }: { readonly groups: readonly UnitGroup[]; readonly of: 'size' | 'square' },
  { gradients, ...options }: { readonly gradients: Differentiation } & Pick<ForwardOptions, 'signal' | 'onProgress'>,
): Promise<Float64Array[]> {
  const { model: gated } = await withGates(model, groups)
  const names = groups.map(({ id }) => gateOf(id))
  const requests = names.map((name) => ({ site: { value: `gradient of ${name}`, axes: [0] }, statistic: STATISTICS[of] }))
  const { model: measuring, probes } = await instrumentGradients(withOpenGates(gated, groups), requests, gradients)
  const sums = new Set(probes.flatMap(({ rows, result }) => [rows, result]))
  const totals = groups.map(({ units }) => new Float64Array(units))
  let samples = 0
  for await (const { outputs } of gradients.forward(measuring, { sums, batch: 1, ...options })) {
    const rows = outputs[probes[0]!.rows]
    if (rows === undefined) continue
    samples += Number(rows[0])
    for (const [i, { result }] of probes.entries()) {
      const values = outputs[result]!
      const total = totals[i]!
      for (let unit = 0; unit < total.length; unit++) total[unit]! += Number(values[unit])
    }
  }
  if (samples === 0) throw new PareError('there are no training data.', { hint: 'give at least one sample.' })
  if (totals.some((total) => total.some(Number.isNaN))) {
    throw new PareError('the model gives NaN on the training data.', {
      hint: 'check the data for NaN, and the model with pare evaluate.',
    })
  }
  return totals.map((total) => total.map((sum) => sum / samples))
}

/** Gates that are constants of 1 in place of inputs. */
function withOpenGates(model: Model, groups: readonly UnitGroup[]): Model {
  const gates = groups.map(({ id, units }) =>
    makeTensor({ name: gateOf(id), type: 'float32', shape: [units], values: new Float32Array(units).fill(1) }),
  )
  const names = new Set(gates.map(({ name }) => name))
  const { graph } = model
  return editModel(model, {
    graph: editGraph(graph, {
      inputs: graph.inputs.filter(({ name }) => !names.has(name)),
      initializers: [...graph.initializers, ...gates],
    }),
  })
}
