import { residualSumOf, withSumOutputs } from '@pare/axes'
import { editModel, GraphWriter, inferShapes, keyOf, type Model, makeValueInfo, PareError, withoutDead } from '@pare/onnx'
import type { Forward, ForwardOptions } from '../calibrate/forward.js'
import type { CountedPadding } from '../calibrate/instrument.js'
import { addedMasks, LEAVES_ROWS_OUT, type MaskedRows, maskedRows } from '../calibrate/masked-rows.js'
import { findPadding, type MaskLayout, type Padding } from '../calibrate/padding.js'
import type { Likeness } from '../contract/contract.js'

export type Pair = readonly [string, string]

export interface Comparing extends Omit<ForwardOptions, 'sums'> {
  readonly pairs: readonly Pair[]
  readonly likeness: Likeness
  /** Called with values of which padding is compared too: which of their rows it is does not follow from the model. */
  readonly onPadding?: ((values: readonly string[]) => void) | undefined
}

/**
 * Runs the part of a model that leads to some values over the data, and compares them row by row within the graph, padding apart: only sums come
 * back.
 */
export async function meanLikeness(
  model: Model,
  { pairs, likeness, onPadding, ...run }: Comparing,
  forward: Forward,
): Promise<number[]> {
  if (pairs.length === 0) return []
  const padding = await findPadding(model, { fillsMask: forward.fillsMask ?? false })
  const { model: measuring, unmasked } = await measuringModel(model, { pairs, likeness, padding })
  const names = [...pairs.flatMap((_, i) => [sumName(i), countName(i)]), ...(unmasked?.padded ?? [])]
  const totals = new Map(names.map((name) => [name, 0]))
  for await (const { outputs } of forward(measuring, { ...run, sums: new Set(names) }))
    for (const name of names) totals.set(name, totals.get(name)! + Number(outputs[name]?.[0] ?? 0))
  if (unmasked?.padded.some((name) => totals.get(name)! > 0)) onPadding?.(unmasked.values)
  return pairs.map(([from, to], i) => {
    const mean = totals.get(sumName(i))! / totals.get(countName(i))!
    if (!Number.isNaN(mean)) return mean
    throw new PareError(`'${from}' and '${to}' cannot be compared on the calibration data: they hold NaN, or there are none.`, {
      hint: 'check the data for NaN, and the model with pare evaluate: it must run on them.',
    })
  })
}

const sumName = (pair: number) => `likeness/${pair}/sum`
const countName = (pair: number) => `likeness/${pair}/rows`

interface Measuring {
  readonly model: Model
  readonly unmasked?: CountedPadding
}

async function measuringModel(
  model: Model,
  { pairs, likeness, padding }: Pick<Comparing, 'pairs' | 'likeness'> & { readonly padding: Padding | undefined },
): Promise<Measuring> {
  const { shapes } = await inferShapes(model)
  const sums = new Map(model.graph.nodes.map((node) => [residualSumOf(node), keyOf(node)]))
  const opset = model.opsets.get('') ?? 1
  const graphWriter = new GraphWriter(model.graph, 'likeness')
  const writer = new Writer(opset, graphWriter)
  const unmasked = new Set<string>()
  for (const [i, pair] of pairs.entries()) {
    const [a, b] = pair.map((name) => {
      const value = shapes.has(name) ? name : (sums.get(name) ?? '')
      const rank = shapes.get(value)?.length
      const layout = padding?.layoutOf(value, [rank === undefined || rank < 4 ? -1 : 1]) ?? 'none'
      const masking = layout !== 'none' && opset < LEAVES_ROWS_OUT ? 'unmasked' : layout
      if (masking === 'unmasked') unmasked.add(name)
      return writer.rows(name, { rank, rows: likeness.rows, ...(typeof masking === 'object' && { layout: masking }) })
    })
    writer.compared([a!, b!], { of: likeness.of, sum: sumName(i), count: countName(i) })
  }
  const padded = unmasked.size === 0 ? [] : padding!.masks.map((mask) => writer.masked.padded(mask))
  const outputs = [...pairs.flatMap((_, i) => [sumName(i), countName(i)]), ...padded].map((name) => makeValueInfo({ name }))
  const { graph } = model
  const edited = graphWriter.addedTo(graph, {
    nodes: withSumOutputs([...graph.nodes, ...graphWriter.nodes]),
    inputs: [...graph.inputs, ...addedMasks(padding?.masks ?? [], graph)],
    outputs,
  })
  const measuring = withoutDead(model, editModel(model, { graph: edited }))
  return { model: measuring, ...(unmasked.size > 0 && { unmasked: { values: [...unmasked], padded } }) }
}

class Writer {
  readonly masked: MaskedRows

  constructor(
    private readonly opset: number,
    readonly writer: GraphWriter,
  ) {
    this.masked = maskedRows(writer, opset)
  }

  /** f32[rows, width] of a value, without rows that are padding. */
  rows(value: string, { rank, rows, layout }: { rank: number | undefined; rows: Likeness['rows']; layout?: MaskLayout }): string {
    if (rank === undefined || rank < 2 || (rows === 'last' && rank !== 3)) throw notRows(value, rank, rows)
    const floats = this.writer.node('Cast', [value], { to: 1n })
    if (layout !== undefined)
      return this.#kept(this.#flat(floats, rank), rows === 'last' ? this.masked.last(layout) : this.masked.kept(layout))
    return rows === 'last' ? this.writer.node('Gather', [floats, this.writer.ints(-1)], { axis: 1n }) : this.#flat(floats, rank)
  }

  #kept(rows: string, which: string): string {
    return this.writer.node('Compress', [rows, which], { axis: 0n })
  }

  /** Rows of 2 and 3 axes lie along the last one, of images along the channels. */
  #flat(value: string, rank: number): string {
    const others = Array.from({ length: rank - 2 }, (_, i) => BigInt(i + 2))
    const last = rank > 3 ? this.writer.node('Transpose', [value], { perm: [0n, ...others, 1n] }) : value
    return this.writer.node('Flatten', [last], { axis: BigInt(rank - 1) })
  }

  /** a · b ÷ (‖a‖ ‖b‖), or its arccosine ÷ π, summed over the rows; and their number. */
  compared([a, b]: readonly [string, string], { of, sum, count }: { of: Likeness['of']; sum: string; count: string }): void {
    const dot = (x: string, y: string) => this.#sum(this.writer.node('Mul', [x, y]), 1)
    // Root by root: the product of two squares may leave the range of f32.
    const norms = this.writer.node('Mul', [this.writer.node('Sqrt', [dot(a, a)]), this.writer.node('Sqrt', [dot(b, b)])])
    const cosine = this.writer.node('Div', [dot(a, b), this.writer.node('Max', [norms, this.writer.float(TINY)])])
    const within = this.writer.node('Max', [this.writer.node('Min', [cosine, this.writer.float(1)]), this.writer.float(-1)])
    const each =
      of === 'cosine' ? within : this.writer.node('Div', [this.writer.node('Acos', [within]), this.writer.float(Math.PI)])
    this.writer.write('Identity', [this.#sum(each, 0)], [sum])
    this.writer.write('Cast', [this.writer.node('Shape', [each])], [count], { to: 1n })
  }

  #sum(of: string, axis: number): string {
    const isInput = this.opset >= 13
    const inputs = isInput ? [of, this.writer.ints([axis])] : [of]
    return this.writer.node('ReduceSum', inputs, { ...(!isInput && { axes: [BigInt(axis)] }), keepdims: 0n })
  }
}

/** A row of zeros is at a right angle to everything. */
const TINY = 1e-30

function notRows(value: string, rank: number | undefined, rows: Likeness['rows']): PareError {
  const shape = rank === undefined ? 'its number of axes does not follow from the model' : `it has ${rank} axes`
  return rows === 'last'
    ? new PareError(`'${value}' has no last position: ${shape}, and [batch, seq, width] was expected.`, {
        hint: 'compare all rows: --criterion block-influence:by=cosine.',
      })
    : new PareError(`'${value}' cannot be compared row by row: ${shape}.`, { hint: 'export the model with shapes.' })
}
