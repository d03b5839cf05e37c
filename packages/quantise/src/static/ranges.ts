import { editModel, GraphWriter, type Model, makeValueInfo, PareError, withoutDead } from '@pare/onnx'
import type { RangeRule } from '../choices.js'
import type { ActivationRange } from './activation.js'
import { emptyHistogram, type Histogram, narrowed } from './histogram.js'
import type { IntegerGraph, RoundedValue } from './integer-graph.js'

/** Runs a model over calibration data, batch by batch: outputs by name. `sums` is empty: each batch gives its own. */
export type RunData = (
  model: Model,
  options: { readonly sums: ReadonlySet<string>; readonly signal?: AbortSignal },
) => AsyncIterable<{ readonly outputs: Readonly<Record<string, ArrayLike<number | bigint>>> }>

export interface RangeOptions {
  readonly run: RunData
  readonly rule: RangeRule
  readonly signal?: AbortSignal | undefined
}

/** What values of a model reach on calibration data, 0 included, within the bounds of a Relu or Clip before them. One pass over the data, two where ranges are narrowed. */
export async function measureRanges(
  model: Model,
  { values }: Pick<IntegerGraph, 'values'>,
  { run, rule, signal }: RangeOptions,
): Promise<ActivationRange[]> {
  const own = [...values.values()].filter(({ id, like }) => id === like)
  if (own.length === 0) return []
  const options = { sums: new Set<string>(), ...(signal && { signal }) }
  const whole = await extremes(model, own, (measuring) => run(measuring, options))
  if (rule === 'minmax') return whole
  const histograms = whole.map((range) => emptyHistogram(range))
  for await (const { outputs } of run(sampling(model, own), options))
    for (const [i, { add }] of histograms.entries()) add(outputs[`${PREFIX}${i}`] ?? [])
  return histograms.map((histogram: Histogram) => narrowed(histogram, rule))
}

/** Of all batches. */
async function extremes(
  model: Model,
  values: readonly RoundedValue[],
  run: (measuring: Model) => ReturnType<RunData>,
): Promise<ActivationRange[]> {
  const writer = new GraphWriter(model.graph, 'range')
  const names = values.map(({ id }) => ['ReduceMin', 'ReduceMax'].map((op) => writer.own(op, [id], { keepdims: 0n })))
  const reached = values.map(() => [0, 0] as [number, number])
  let batches = 0
  for await (const { outputs } of run(measuringModel(model, writer, names.flat()))) {
    if (names.every((pair) => pair.every((name) => outputs[name] === undefined))) continue
    batches++
    for (const [i, [low, high]] of names.entries()) {
      const [least, most] = [Number(outputs[low!]![0]), Number(outputs[high!]![0])]
      if (!Number.isFinite(least) || !Number.isFinite(most)) throw notFinite(values[i]!.id)
      reached[i] = [Math.min(reached[i]![0], least), Math.max(reached[i]![1], most)]
    }
  }
  if (batches === 0) throw new PareError('there are no calibration data.', { hint: 'give at least one sample.' })
  return values.map(({ id, bounds: [least, most] }, i) => {
    const [low, high] = reached[i]!
    return { id, low: Math.max(low, least), high: Math.min(high, most) }
  })
}

const PREFIX = 'range_sample/'

/** A model that gives some thousand elements of each value, evenly spread over a batch. */
function sampling(model: Model, values: readonly RoundedValue[]): Model {
  const writer = new GraphWriter(model.graph, 'range')
  const names = values.map(({ id }, i) => {
    const flat = writer.node('Reshape', [id, writer.ints([-1])])
    const most = writer.node('Div', [writer.node('Shape', [flat]), writer.ints([SAMPLED])])
    // An odd step, so that it does not always meet the same column.
    const step = writer.node('Add', [writer.node('Mul', [most, writer.ints([2])]), writer.ints([1])])
    writer.write(
      'Slice',
      [flat, writer.ints([0]), writer.ints([Number.MAX_SAFE_INTEGER]), writer.ints([0]), step],
      [`${PREFIX}${i}`],
    )
    return `${PREFIX}${i}`
  })
  return measuringModel(model, writer, names)
}

/** Half as many are taken of one value and batch, at most. */
const SAMPLED = 8192

/** The model with what was written, and these values as its only new outputs. */
export function measuringModel(model: Model, writer: GraphWriter, outputs: readonly string[]): Model {
  const graph = writer.addedTo(model.graph, { outputs: outputs.map((name) => makeValueInfo({ name })) })
  return withoutDead(model, editModel(model, { graph }))
}

/** The error where a value is NaN or infinite on some sample. */
export function notFinite(value: string): PareError {
  return new PareError(`'${value}' is not finite on the calibration data.`, {
    hint: 'check the data for NaN and huge values, and the model with pare evaluate: it must run on them.',
  })
}
