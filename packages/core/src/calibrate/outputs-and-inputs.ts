import { editModel, GraphWriter, inferShapes, type Model, makeValueInfo, PareError, withoutDead } from '@pare/onnx'
import type { Statistic, Weight } from '../contract/contract.js'
import type { ForwardOptions } from './forward.js'
import type { Differentiation } from './gradients.js'
import { type Request, requestId, StatisticWriter } from './instrument.js'
import { inputSite, outputSite, type StatisticSite } from './site.js'
import { unknownShape } from './unknown-shape.js'

/** What the loss feels of the outputs of a weight, and what its inputs have in common. */
export interface OutputsAndInputs {
  /** f64[rows]: the mean over samples of the sum over positions of (∂loss ÷ ∂y)². */
  readonly squares: Float64Array
  /** f64[columns × columns], one for each group of a convolution: the sum of the products of each two inputs. The same array for weights with the same inputs. */
  readonly gram: Float64Array
}

const SQUARE: Statistic = { at: 'output', of: (g, ops) => ops.square(g), reduce: 'mean' }
const GRAM: Statistic = { at: 'input', reduce: 'gram' }

/** By id of the weight, in one forward and backward pass over training data. Throws PareError for a weight of which one of the two is not measured. */
export async function measureOutputsAndInputs(
  model: Model,
  weights: readonly Weight[],
  run: GradientRun,
): Promise<ReadonlyMap<string, OutputsAndInputs>> {
  const sites = weights.map((weight) => ({ id: weight.id, uses: sitesOf(weight) }))
  const requests = sites.flatMap(({ uses }) => uses.flatMap(({ input, output }) => [input, output]))
  const { totals, samples } = await summed(model, requests, run)
  const grams = new Map<string, Float64Array>()
  return new Map(
    sites.map(({ id, uses }) => {
      const squares = sumOf(uses.map(({ output }) => totals.get(keyOf(output))!)).map((sum) => sum / samples)
      const key = uses.map(({ input }) => keyOf(input)).join('\n')
      const gram = grams.get(key) ?? sumOf(uses.map(({ input }) => totals.get(keyOf(input))!))
      grams.set(key, gram)
      return [id, { squares, gram }]
    }),
  )
}

/** f64[rows] by id of a weight: the mean over samples of the sum over positions of (∂loss ÷ ∂y)². */
export type OutputSensitivities = ReadonlyMap<string, Float64Array>

/** What the loss feels of the outputs of weights, in one forward and backward pass over training data. Undefined where one of them is not measured. */
export async function measureSensitivities(
  model: Model,
  weights: readonly Weight[],
  run: GradientRun,
): Promise<OutputSensitivities | undefined> {
  const sites = weights.map((weight) => ({ id: weight.id, outputs: weight.uses.map((use) => outputSite(weight, use)) }))
  if (sites.some(({ outputs }) => outputs.some((site) => typeof site === 'string'))) return undefined
  const requestOf = (site: StatisticSite | string): Request => ({ site: site as StatisticSite, statistic: SQUARE })
  const { totals, samples } = await summed(
    model,
    sites.flatMap(({ outputs }) => outputs.map(requestOf)),
    run,
  )
  return new Map(
    sites.map(({ id, outputs }) => [
      id,
      sumOf(outputs.map((site) => totals.get(keyOf(requestOf(site)))!)).map((sum) => sum / samples),
    ]),
  )
}

type GradientRun = { readonly gradients: Differentiation } & Pick<ForwardOptions, 'signal' | 'onProgress'>

/** Sums over all training data of what is asked for, by key of the request. */
async function summed(
  model: Model,
  requests: readonly Request[],
  { gradients, ...run }: GradientRun,
): Promise<{ totals: ReadonlyMap<string, Float64Array>; samples: number }> {
  const { measuring, probes } = await instrumented(model, requests, gradients)
  const totals = new Map<string, Float64Array>()
  let samples = 0
  for await (const { outputs } of gradients.forward(measuring, { sums: new Set(probes.results.values()), ...run })) {
    samples += Number(outputs[probes.samples]?.[0] ?? 0)
    for (const [key, name] of probes.results) {
      const values = outputs[name]
      if (values === undefined) continue
      const total = totals.get(key) ?? new Float64Array(values.length)
      for (let i = 0; i < total.length; i++) total[i]! += Number(values[i])
      totals.set(key, total)
    }
  }
  if (samples === 0) throw new PareError('there are no training data.', { hint: 'give at least one sample.' })
  for (const [key, total] of totals) if (total.some((value) => !Number.isFinite(value))) throw notFinite(key)
  return { totals, samples }
}

interface Use {
  readonly input: Request
  /** Of the gradient of the output. */
  readonly output: Request
}

const keyOf = ({ site, statistic }: Request) => `${statistic.at} ${requestId({ site, statistic })}`

function sitesOf(weight: Weight): readonly Use[] {
  return weight.uses.map((use) => {
    const [input, output] = [inputSite(weight, use), outputSite(weight, use)]
    for (const site of [input, output]) {
      if (typeof site !== 'string') continue
      throw new PareError(`'${weight.id}' cannot be judged by what the loss feels of it: ${site}.`, {
        hint: `leave it out with --exclude '${weight.id}', or choose another --allocation.`,
      })
    }
    return {
      input: { site: input as StatisticSite, statistic: GRAM },
      output: { site: output as StatisticSite, statistic: SQUARE },
    }
  })
}

interface Probes {
  /** i64[]: samples of a batch. */
  readonly samples: string
  /** Names of outputs by key of the request. */
  readonly results: ReadonlyMap<string, string>
}

/** A model whose outputs are sums over the batches of what is measured. */
async function instrumented(
  model: Model,
  requests: readonly Request[],
  { differentiate }: Differentiation,
): Promise<{ measuring: Model; probes: Probes }> {
  const { shapes } = await inferShapes(model)
  const { model: derived, gradients } = await differentiate(model, [
    ...new Set(requests.flatMap(({ site, statistic }) => (statistic.at === 'output' ? [site.value] : []))),
  ])
  const graphWriter = new GraphWriter(derived.graph, 'measure')
  const writer = new StatisticWriter(derived.opsets.get('') ?? 1, graphWriter)
  const first = model.graph.inputs.find(({ shape }) => shape?.length !== 0)
  if (first === undefined) throw new PareError('the model has no input with samples.', { hint: 'give it one with a batch axis.' })
  const samples = graphWriter.own('Shape', [first.name], { start: 0n, end: 1n })
  // The loss is a mean over samples: times their number, the gradient of one sample does not depend on the batch.
  const scale = graphWriter.node('Cast', [samples], { to: 1n })
  const results = new Map<string, string>()
  for (const request of requests) {
    const { site, statistic } = request
    if (results.has(keyOf(request))) continue
    const rank = shapes.get(site.value)?.length
    if (rank === undefined) throw unknownShape(model, site.value)
    const isOutput = statistic.at === 'output'
    const value = isOutput ? graphWriter.node('Mul', [gradients.get(site.value)!, scale]) : site.value
    const rows = writer.rows({ ...site, value }, { rank })
    results.set(keyOf(request), writer.measured(rows, request).result)
  }
  const { graph } = derived
  const outputs = [samples, ...results.values()].map((name) => makeValueInfo({ name }))
  const measuring = withoutDead(derived, editModel(derived, { graph: graphWriter.addedTo(graph, { outputs }) }))
  return { measuring, probes: { samples, results } }
}

function sumOf(parts: readonly Float64Array[]): Float64Array {
  const [first, ...others] = new Set(parts)
  return others.length === 0 ? first! : others.reduce((sum, part) => sum.map((value, i) => value + part[i]!), first!)
}

function notFinite(key: string): PareError {
  return new PareError(`${key} is not finite on the training data.`, {
    hint: 'check the data for NaN and huge values, and the model with pare evaluate.',
  })
}
