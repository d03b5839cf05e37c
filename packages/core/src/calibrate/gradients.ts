import { editModel, GraphWriter, type Model, makeValueInfo, PareError, withoutDead } from '@pare/onnx'
import { traceStatistic } from '../backend/trace.js'
import type { Statistic, Weight } from '../contract/contract.js'
import { needsFloats } from '../contract/needs-floats.js'
import type { Forward } from './forward.js'
import { type InstrumentedModel, type ModelProbe, type Request, requestId, StatisticWriter } from './instrument.js'

/** How gradients of a loss are computed. Handed in: core knows no derivatives. */
export interface Differentiation {
  /** Runs models over training data, labels among the inputs. */
  readonly forward: Forward
  /** A model that computes the loss too, and its gradients with respect to constants or inputs with values: the name of each gradient, by theirs. */
  differentiate(model: Model, tensors: readonly string[]): Promise<{ model: Model; gradients: ReadonlyMap<string, string> }>
}

export function needsTraining(criterion?: string): PareError {
  const who = criterion === undefined ? 'this' : `criterion '${criterion}'`
  return new PareError(`${who} looks at gradients of the loss over training data, and there are none.`, {
    hint: 'name data with labels: --train train.npz, or train in the config.',
  })
}

/** The derivative of the loss with respect to a weight. */
export function gradientRequest({ id, tensor, quantised }: Weight, statistic: Statistic): Request {
  if (quantised !== undefined) throw needsFloats(`'${id}' cannot be judged by gradients`, quantised)
  if (id !== tensor.name || statistic.reduce === 'gram') {
    const reason =
      statistic.reduce === 'gram' ? 'products of gradients are not measured' : 'it lies in a function or a nested graph'
    throw new PareError(`'${id}' cannot be judged by gradients: ${reason}.`, {
      hint: `leave it out with --exclude '${id}', or choose another criterion.`,
    })
  }
  return { site: { value: `gradient of ${id}`, axes: [0] }, statistic }
}

/** Whether the gradient of a batch serves as well as those of its samples. */
export function isOfBatch(statistic: Statistic): boolean {
  return statistic.reduce === 'mean' && traceStatistic(statistic).op === 'weight'
}

/** A model whose outputs are statistics of gradients. The loss is a mean over samples, so a batch's gradient counts as often as it has samples. */
export async function instrumentGradients(
  model: Model,
  requests: readonly Request[],
  { differentiate }: Differentiation,
): Promise<InstrumentedModel> {
  const tensors = [...new Set(requests.map(tensorOf))]
  const { model: derived, gradients } = await differentiate(model, tensors)
  const graphWriter = new GraphWriter(derived.graph, 'measure')
  const writer = new StatisticWriter(derived.opsets.get('') ?? 1, graphWriter)
  const first = model.graph.inputs.find(({ name, shape }) => shape?.length !== 0 && !tensors.includes(name))
  if (first === undefined) throw new PareError('the model has no input with samples.', { hint: 'give it one with a batch axis.' })
  const rows = graphWriter.node('Shape', [first.name], { start: 0n, end: 1n })
  const samples = graphWriter.node('Cast', [rows], { to: 1n })
  const probes = requests.map((request): ModelProbe => {
    const { statistic } = request
    const of = writer.changed(gradients.get(tensorOf(request))!, traceStatistic(statistic))
    const isSum = statistic.reduce === 'mean' || statistic.reduce === 'variance'
    const result = isSum ? graphWriter.own('Mul', [of, samples]) : graphWriter.own('Identity', [of])
    const probe = { id: requestId(request), reduce: statistic.reduce, rows, result }
    if (statistic.reduce !== 'variance') return probe
    return { ...probe, squares: graphWriter.own('Sub', [of, of]) }
  })
  const outputs = probes.flatMap(({ result, squares }) => (squares === undefined ? [result] : [result, squares]))
  const { graph } = derived
  const measuring = graphWriter.addedTo(graph, {
    outputs: [...new Set([rows, ...outputs])].map((name) => makeValueInfo({ name })),
  })
  return { model: withoutDead(derived, editModel(derived, { graph: measuring })), probes }
}

const tensorOf = ({ site }: Request) => site.value.slice('gradient of '.length)
