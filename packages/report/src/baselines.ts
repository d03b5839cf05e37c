import { tradeOffFigure } from './drawings/trade-off-figure.js'
import { html, type Markup, mdText } from './escape.js'
import { figure, size } from './figures.js'
import { type TableColumn, table } from './page/table.js'
import type { ModelResult } from './results/results.js'

/** A model that a user might take: as it was, in fewer bits, as a stage of the schedule left it, or pruned. */
interface Choice {
  readonly name: string
  readonly kind: 'original' | 'baseline' | 'stage' | 'pruned'
  readonly value: number | undefined
  /** How much worse than the reference. */
  readonly drop: number | undefined
  readonly interval: readonly [number, number] | undefined
  readonly bytes: number
  readonly zippedBytes: number | undefined
  /** Time of a run ÷ that of the reference. */
  readonly latency: { readonly relative: number; readonly interval: readonly [number, number] } | undefined
}

/** In one sentence which of them a user should take; undefined where there is nothing to compare. Sizes are those of zipped files, since that is what zeros save. */
export function baselineSentence(model: ModelResult): string | undefined {
  const all = choices(model)
  const pruned = all.find(({ kind }) => kind === 'pruned')
  const others = all.filter((one) => one.kind === 'baseline' && one.drop !== undefined && one.zippedBytes !== undefined)
  if (pruned?.drop === undefined || pruned.zippedBytes === undefined || others.length === 0) return undefined
  const own = { drop: pruned.drop, zipped: pruned.zippedBytes }
  const better = others.filter(({ drop, zippedBytes }) => drop! <= own.drop && zippedBytes! <= own.zipped).sort(bySize)
  const [best] = better
  if (best !== undefined)
    return `${capital(best.name)} is smaller (${size(best.zippedBytes!)} against ${size(own.zipped)} zipped) and loses ${lessOrEqual(best.drop!, own.drop)}: take that, or prune more and quantise what is left.`
  const worse = others.filter(({ drop, zippedBytes }) => drop! >= own.drop && zippedBytes! >= own.zipped)
  if (worse.length === others.length)
    return `The pruned model is smaller than ${worse.map(({ name }) => name).join(' and ')}, and loses no more: take it.`
  const [smaller] = others.filter(({ zippedBytes }) => zippedBytes! < own.zipped).sort(bySize)
  if (smaller !== undefined)
    return `${capital(smaller.name)} is smaller than the pruned model (${size(smaller.zippedBytes!)} against ${size(own.zipped)} zipped) and loses more (${loss(smaller.drop!)} against ${loss(own.drop)}).`
  const [gentler] = others.filter(({ drop }) => drop! < own.drop).sort(bySize)
  return `The pruned model is the smallest (${size(own.zipped)} zipped) and loses ${loss(own.drop)}; ${gentler!.name} takes ${size(gentler!.zippedBytes!)} and loses ${loss(gentler!.drop!)}.`
}

/** The page's table of what a user might take instead. */
export function baselineTable(model: ModelResult): Markup | undefined {
  const rows = choices(model)
  if (!isCompared(rows)) return undefined
  const columns: TableColumn<Choice>[] = [
    { title: 'Model', cell: ({ name }) => capital(name), heading: true },
    { title: model.metric ?? 'Metric', number: ({ value }) => value, cell: ({ value }) => textOf(value) },
    { title: 'Drop (95 % interval)', number: ({ drop }) => drop, cell: dropOf },
    { title: 'Size', number: ({ bytes }) => bytes, cell: ({ bytes }) => size(bytes) },
    {
      title: 'Zipped',
      number: ({ zippedBytes }) => zippedBytes,
      cell: ({ zippedBytes }) => (zippedBytes === undefined ? '–' : size(zippedBytes)),
    },
    { title: TIME, number: ({ latency }) => latency?.relative, cell: timeOf },
  ]
  const sentence = baselineSentence(model)
  return html`<figure><h3>${titleOf(rows)}</h3>${sentence !== undefined && html`<p>${sentence}</p>`}
${tradeOff(model, rows)}
${table({ label: titleOf(rows), columns, rows })}</figure>`
}

/** What each takes and costs, as a drawing. */
function tradeOff(
  { metric = 'the metric', limits, reference, verdict }: ModelResult,
  all: readonly Choice[],
): Markup | undefined {
  const points = all.flatMap(({ name, kind, drop, interval, zippedBytes }) =>
    drop === undefined || zippedBytes === undefined
      ? []
      : [{ name, bytes: zippedBytes, drop, interval, ...(kind === 'pruned' && { verdict }) }],
  )
  const most = limits?.maxDrop
  const relativeTo = Math.abs(reference.metrics[metric] ?? Number.NaN)
  const limit = typeof most === 'object' ? most.relative * relativeTo : most
  return tradeOffFigure(points, { metric, limit: Number.isNaN(limit) ? undefined : limit })
}

/** The same for a job summary. */
export function baselineMarkdown(model: ModelResult): string {
  const all = choices(model)
  if (!isCompared(all)) return ''
  const head = `| Model | ${mdText(model.metric ?? 'Metric')} | Drop (95 % interval) | Size | Zipped | ${TIME} |\n| --- | --- | --- | --- | --- | --- |\n`
  const rows = all.map((one) => {
    const zipped = one.zippedBytes === undefined ? '–' : size(one.zippedBytes)
    return `| ${mdText(capital(one.name))} | ${textOf(one.value)} | ${dropOf(one)} | ${size(one.bytes)} | ${zipped} | ${timeOf(one)} |\n`
  })
  const sentence = baselineSentence(model)
  return `${head}${rows.join('')}${sentence === undefined ? '' : `\n${mdText(sentence)}\n`}`
}

/** Whether there is more than the model as it was and as it was pruned. */
function isCompared(all: readonly Choice[]): boolean {
  return all.some(({ kind }) => kind === 'baseline' || kind === 'stage')
}

function titleOf(all: readonly Choice[]): string {
  return all.some(({ kind }) => kind === 'baseline') ? 'Beside the unpruned model in fewer bits' : 'What each stage took and cost'
}

function choices({
  metric,
  reference,
  pruned,
  baselines = [],
  stages = [],
  drop,
  quantised,
  latency,
}: ModelResult): readonly Choice[] {
  const measured = (metrics: Readonly<Record<string, number>>) => (metric === undefined ? undefined : metrics[metric])
  const original = {
    ...{ name: 'as it was', kind: 'original' as const, value: measured(reference.metrics), drop: 0, interval: undefined },
    ...{ bytes: reference.bytes, zippedBytes: reference.zippedBytes, latency: { relative: 1, interval: [1, 1] as const } },
  }
  const quantisedOnes = baselines.map((one) => ({
    ...{ name: `unpruned in ${one.method}`, kind: 'baseline' as const, value: measured(one.metrics) },
    ...{ drop: one.drop?.value, interval: one.drop?.interval, bytes: one.bytes, zippedBytes: one.zippedBytes },
    latency: one.latency,
  }))
  const own = pruned && {
    ...{ name: quantised === undefined ? 'pruned' : `pruned, in ${quantised.method}`, kind: 'pruned' as const },
    ...{ value: measured(pruned.metrics), drop: drop?.value, interval: drop?.interval },
    ...{ bytes: pruned.bytes, zippedBytes: pruned.zippedBytes, latency },
  }
  const before = stages.map((stage, i) => ({
    ...{ name: `after stage ${i + 1} of ${stages.length + 1}`, kind: 'stage' as const, value: measured(stage.metrics) },
    ...{ drop: stage.drop?.value, interval: stage.drop?.interval, bytes: stage.bytes, zippedBytes: stage.zippedBytes },
    latency: undefined,
  }))
  return [original, ...quantisedOnes, ...before, ...(own === undefined ? [] : [own])]
}

function dropOf({ drop, interval }: Choice): string {
  if (drop === undefined) return 'not measured'
  return interval === undefined ? figure(drop, 3) : `${figure(drop, 3)} (${figure(interval[0], 2)} to ${figure(interval[1], 2)})`
}

const TIME = "Time ÷ the reference's"

/** '0.621 (0.598 to 0.653)' */
function timeOf({ latency, kind }: Choice): string {
  if (latency === undefined) return '–'
  if (kind === 'original') return '1'
  const [low, high] = latency.interval
  return `${figure(latency.relative, 3)} (${figure(low, 3)} to ${figure(high, 3)})`
}

function textOf(value: number | undefined): string {
  return value === undefined ? 'not measured' : figure(value)
}

function lessOrEqual(one: number, other: number): string {
  return one === other ? 'no more' : `less (${loss(one)} against ${loss(other)})`
}

function loss(drop: number): string {
  return drop > 0 ? figure(drop, 3) : 'nothing'
}

const bySize = (a: Choice, b: Choice) => a.zippedBytes! - b.zippedBytes!

const capital = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`
