import {
  attributesOf,
  editModel,
  elementCount,
  GraphWriter,
  inferShapes,
  type Model,
  makeValueInfo,
  withoutDead,
} from '@pare/onnx'
import { traceStatistic } from '../backend/trace.js'
import type { Expression, Statistic } from '../contract/contract.js'
import { flatRows } from './flat-rows.js'
import { addedMasks, LEAVES_ROWS_OUT, type MaskedRows, maskedRows } from './masked-rows.js'
import { findPadding, type Mask, type MaskLayout, type Padding } from './padding.js'
import { isOfProducts, SCALES_ROWS, scaledBack, scaleOf } from './scaled-rows.js'
import { GEOMETRY, groupsOf, type Patches, type StatisticSite, siteKey } from './site.js'
import { unknownShape } from './unknown-shape.js'

/** One thing to measure: a statistic of a site. */
export interface Request {
  readonly site: StatisticSite
  readonly statistic: Statistic
  /** For 'gram': what the site is multiplied with, row by row, instead of itself. As many rows, and groups in the same order. */
  readonly other?: StatisticSite
  /** For 'gram': only these columns of the matrix. Default: all */
  readonly panel?: Panel | undefined
}

/** Columns of a matrix, the last one not counted. */
export interface Panel {
  readonly from: number
  readonly to: number
}

/** A model that only measures, and what its outputs are. */
export interface InstrumentedModel {
  readonly model: Model
  readonly probes: readonly ModelProbe[]
  /** Where padding may count, if anywhere. */
  readonly unmasked?: CountedPadding
}

/** Values of which all positions count, since it is not known which of them a mask leaves out. */
export interface CountedPadding {
  readonly values: readonly string[]
  /** i64[]: how many positions a batch leaves out, one output for each mask. */
  readonly padded: readonly string[]
}

/** Where the reductions of a request come out. A batch gives them for its own rows. */
export interface ModelProbe {
  readonly id: string
  readonly reduce: Statistic['reduce']
  /** i64[2]: rows, positions. */
  readonly rows: string
  /** f32[positions]: sum or max; of a 'gram' f32[groups, columns, columns of the other site]. */
  readonly result: string
  /** f32[positions]: sum of squared differences from the batch's own mean, for 'variance'. */
  readonly squares?: string
}

/** Tells requests apart: sites and statistics that are the same are measured once. */
export function requestId({ site, statistic, other, panel }: Request): string {
  const columns = panel === undefined ? '' : ` columns ${panel.from} to ${panel.to}`
  const key = `${siteKey(site)}${other === undefined ? '' : ` with ${siteKey(other)}`}${columns}`
  return `${key} ${statistic.reduce} ${JSON.stringify(traceStatistic(statistic))}`
}

/**
 * The part of a model that leads to the requested values, with reductions as its only outputs. Nothing that is measured leaves the run time whole.
 * Positions that a mask leaves out do not count. Where `fillsMask`, a model that takes token ids and no mask gets an input for one.
 */
export async function instrument(
  model: Model,
  requests: readonly Request[],
  { fillsMask = false, ...options }: Instrumenting = {},
): Promise<InstrumentedModel> {
  const shapes = options.shapes ?? (await inferShapes(model)).shapes
  const padding = options.padding ?? (await findPadding(model, { fillsMask }))
  const opset = model.opsets.get('') ?? 1
  const graphWriter = new GraphWriter(model.graph, 'measure')
  const writer = new StatisticWriter(opset, graphWriter)
  const unmasked = new Set<string>()
  const probes: ModelProbe[] = []
  for (const request of new Map(requests.map((each) => [requestId(each), each])).values()) {
    const { site, statistic, other } = request
    // Rows of two sites are multiplied with each other: those that count must be the same.
    const [own, others] = [paddingOf(site), other && paddingOf(other)]
    const isMasked = others === undefined || (typeof own === 'object') === (typeof others === 'object')
    const rows = rowsOf(site, isMasked ? own : 'unmasked')
    const second = other && rowsOf(other, isMasked ? others! : 'unmasked')
    probes.push({ id: requestId(request), reduce: statistic.reduce, ...writer.measured(rows, request, second) })
  }
  const padded = unmasked.size === 0 ? [] : padding!.masks.map((mask) => writer.padded(mask))
  const outputs = [
    ...probes.flatMap(({ rows, result, squares }) => [rows, result, ...(squares === undefined ? [] : [squares])]),
    ...padded,
  ]
  const { graph } = model
  const instrumented = graphWriter.addedTo(graph, {
    inputs: [...graph.inputs, ...addedMasks(padding?.masks ?? [], graph)],
    outputs: [...new Set(outputs)].map((name) => makeValueInfo({ name })),
  })
  const measuring = withoutDead(model, editModel(model, { graph: instrumented }))
  return { model: measuring, probes, ...(unmasked.size > 0 && { unmasked: { values: [...unmasked], padded } }) }

  /** How padding lies in the rows of a site. */
  function paddingOf({ value, axes, patches }: StatisticSite): MaskLayout | 'none' | 'unmasked' {
    const layout = padding?.layoutOf(value, axes) ?? 'none'
    // Windows of a kernel are no positions of the input.
    return layout !== 'none' && (patches !== undefined || opset < LEAVES_ROWS_OUT) ? 'unmasked' : layout
  }

  function rowsOf(site: StatisticSite, layout: MaskLayout | 'none' | 'unmasked'): string {
    const rank = shapes.get(site.value)?.length
    if (rank === undefined) throw unknownShape(model, site.value)
    if (layout === 'unmasked') unmasked.add(site.value)
    return writer.rows(site, { rank, ...(typeof layout === 'object' && { layout }) })
  }
}

export interface Instrumenting {
  /** Whether an input attention_mask that is added is filled in. Default: false */
  readonly fillsMask?: boolean | undefined
  /** Where padding is, as far as that is known. Default: as follows from the model */
  readonly padding?: Padding | undefined
  /** Shapes of values: only the numbers of their axes count. Default: as follows from the model */
  readonly shapes?: ReadonlyMap<string, readonly number[]> | undefined
}

/** Nodes that reduce values, appended to a graph. */
export class StatisticWriter {
  readonly #rows = new Map<string, string>()
  readonly #masked: MaskedRows

  constructor(
    private readonly opset: number,
    private readonly writer: GraphWriter,
  ) {
    this.#masked = maskedRows(writer, opset)
  }

  /** f32[rows, positions] of a site, without rows that are padding. */
  rows(site: StatisticSite, { rank, layout }: { readonly rank: number; readonly layout?: MaskLayout }): string {
    const key = layout === undefined ? siteKey(site) : `${siteKey(site)} masked`
    const memo = this.#rows.get(key)
    if (memo !== undefined) return memo
    const value = this.writer.node('Cast', [site.value], { to: 1n })
    const rows = flatRows(this.writer, site.patches === undefined ? value : this.#patches(value, site.patches), { ...site, rank })
    const result = layout === undefined ? rows : this.writer.node('Compress', [rows, this.#masked.kept(layout)], { axis: 0n })
    this.#rows.set(key, result)
    return result
  }

  /** i64[]: how many positions a mask leaves out. */
  padded(mask: Mask): string {
    return this.#masked.padded(mask)
  }

  /**
   * What a request asks of rows. Products of two elements would leave f32 where rows are tiny or huge: these are scaled first, batch by batch, and what
   * comes out is scaled back in f64.
   */
  measured(rows: string, request: Request, other?: string): Omit<ModelProbe, 'id' | 'reduce'> {
    const { statistic } = request
    const expression = traceStatistic(statistic)
    const isGram = statistic.reduce === 'gram'
    if (!isOfProducts(statistic.reduce, expression) || this.opset < SCALES_ROWS)
      return this.reduced(this.changed(rows, expression), request, other)
    const scale = scaleOf(this.writer, rows, this.opset)
    const scaled = this.writer.node('Div', [rows, scale])
    const otherScale = other === undefined ? scale : scaleOf(this.writer, other, this.opset)
    const second = other === undefined ? scaled : this.writer.node('Div', [other, otherScale])
    const reduced = this.reduced(this.changed(scaled, expression), request, isGram ? second : undefined)
    const product = [scale, isGram ? otherScale : scale] as const
    const result = scaledBack(this.writer, reduced.result, statistic.reduce === 'variance' ? [scale] : product)
    return { ...reduced, result, ...(reduced.squares && { squares: scaledBack(this.writer, reduced.squares, product) }) }
  }

  reduced(rows: string, { statistic, site, panel }: Request, other = rows): Omit<ModelProbe, 'id' | 'reduce'> {
    // Each request reads outputs of its own: those of some are added up while the model runs.
    const shape = this.writer.own('Shape', [rows])
    switch (statistic.reduce) {
      case 'mean':
        return { rows: shape, result: this.#sum(rows) }
      case 'max':
        return {
          rows: shape,
          result: this.writer.own('ReduceMax', [rows, ...this.#axes(18)], { ...this.#axesBefore(18), keepdims: 0n }),
        }
      case 'variance':
        return { rows: shape, ...this.#moments(rows, shape) }
      case 'gram':
        return { rows: shape, result: this.#gram(rows, this.#panel(other, panel), groupsOf(site)) }
      default:
        return statistic.reduce satisfies never
    }
  }

  /** What each position of the kernel sees, channel by channel: a convolution whose kernels are 1 at one position and 0 elsewhere. */
  #patches(value: string, { kernel: [channels = 1, ...kernel], groups, node }: Patches): string {
    const size = elementCount(kernel)
    const all = channels * groups
    const weight = new Float32Array(all * size * size)
    for (let c = 0; c < all; c++) for (let k = 0; k < size; k++) weight[(c * size + k) * size + k] = 1
    const name = this.writer.floats([all * size, 1, ...kernel], weight)
    return this.writer.node('Conv', [value, name], { ...attributesOf(node).plain(GEOMETRY), group: BigInt(all) })
  }

  /** What an expression makes of each element. */
  changed(rows: string, e: Expression): string {
    const of = (inner: Expression) => this.changed(rows, inner)
    switch (e.op) {
      case 'weight':
        return rows
      case 'constant':
        return this.writer.float(e.value)
      case 'square':
        return this.writer.node('Mul', [of(e.of), of(e.of)])
      case 'abs':
      case 'sqrt':
      case 'negate':
      case 'exp':
      case 'log':
      case 'tanh':
        return this.writer.node(UNARY[e.op], [of(e.of)])
      case 'random':
      case 'statistic':
        throw new Error(`a statistic cannot be made of '${e.op}'`)
      case 'less':
        return this.writer.node('Cast', [this.writer.node('Less', [of(e.left), of(e.right)])], { to: 1n })
      default:
        return this.writer.node(BINARY[e.op], [of(e.left), of(e.right)])
    }
  }

  #sum(rows: string): string {
    return this.writer.own('ReduceSum', [rows, ...this.#axes(13)], { ...this.#axesBefore(13), keepdims: 0n })
  }

  #moments(rows: string, shape: string): { result: string; squares: string } {
    const result = this.#sum(rows)
    const count = this.writer.node('Cast', [this.writer.node('Gather', [shape, this.writer.ints(0)], { axis: 0n })], { to: 1n })
    const away = this.writer.node('Sub', [rows, this.writer.node('Div', [result, count])])
    return { result, squares: this.#sum(this.writer.node('Mul', [away, away])) }
  }

  #panel(rows: string, panel: Panel | undefined): string {
    if (panel === undefined) return rows
    const { from, to } = panel
    if (this.opset < 10) return this.writer.node('Slice', [rows], { starts: [BigInt(from)], ends: [BigInt(to)], axes: [1n] })
    return this.writer.node('Slice', [rows, this.writer.ints([from]), this.writer.ints([to]), this.writer.ints([1])])
  }

  #gram(rows: string, other: string, groups: number): string {
    if (groups === 1) return this.writer.own('MatMul', [this.writer.node('Transpose', [rows], { perm: [1n, 0n] }), other])
    const parts = (of: string) => this.writer.node('Reshape', [of, this.#split(of, groups)])
    const left = this.writer.node('Transpose', [parts(rows)], { perm: [1n, 2n, 0n] })
    return this.writer.own('MatMul', [left, this.writer.node('Transpose', [parts(other)], { perm: [1n, 0n, 2n] })])
  }

  /** [rows, groups, positions of a group], computed: only the rows change from batch to batch. */
  #split(rows: string, groups: number): string {
    const count = this.writer.node('Slice', [
      this.writer.node('Shape', [rows]),
      this.writer.ints([0]),
      this.writer.ints([1]),
      this.writer.ints([0]),
    ])
    return this.writer.node('Concat', [count, this.writer.ints([groups, -1])], { axis: 0n })
  }

  /** Axes of a reduction stand in an attribute before this opset, and in an input since. */
  #axes(since: number): string[] {
    return this.opset >= since ? [this.writer.ints([0])] : []
  }

  #axesBefore(since: number): { axes?: readonly bigint[] } {
    return this.opset >= since ? {} : { axes: [0n] }
  }
}

const UNARY = { abs: 'Abs', sqrt: 'Sqrt', negate: 'Neg', exp: 'Exp', log: 'Log', tanh: 'Tanh' } as const
const BINARY = { add: 'Add', subtract: 'Sub', multiply: 'Mul', divide: 'Div', min: 'Min', max: 'Max' } as const
