import type { ModelResult } from '../results/results.js'

/** More bars than this are narrower than a pixel or two on GitHub: neighbours are averaged. */
const MOST_BARS = 120

/** More bars than this leave no room for a number below each. */
const MOST_NUMBERED = 36

/** What went of one thing, and how much it counts when neighbours are averaged. */
interface Bar {
  readonly gone: number
  readonly of: number
}

/** Zeros of each layer, in the order of the table. */
export function sparsityChart(layers: NonNullable<ModelResult['layers']>): string {
  const bars = layers.map(({ elements, sparsity }) => ({ gone: elements * sparsity.after, of: elements }))
  return barChart(bars, { thing: 'layer', axis: 'zeros in %' })
}

/** Units that are gone of each group, in the order of the table. */
export function removalChart(groups: NonNullable<ModelResult['groups']>): string {
  return barChart(
    groups.map(({ units, removed }) => ({ gone: removed, of: units })),
    { thing: 'group', axis: 'removed in %' },
  )
}

/**
 * A Mermaid chart. Its bars are numbered, not named: names would overlap, and nothing of a model's text gets into the chart's syntax. GitHub renders
 * `xychart-beta`; it renders no images of ours.
 */
function barChart(all: readonly Bar[], { thing, axis }: { readonly thing: string; readonly axis: string }): string {
  const width = Math.ceil(all.length / MOST_BARS)
  const bars: number[] = []
  for (let at = 0; at < all.length; at += width) bars.push(percentage(all.slice(at, at + width)))
  const numbered = bars.length <= MOST_NUMBERED
  const title = numbered ? thing : `${thing}s 1 to ${all.length}${width > 1 ? `, ${width} a bar` : ''}`
  return [
    '```mermaid',
    look(numbered),
    'xychart-beta',
    // Categories even where no number is shown: on a scale of numbers Mermaid's bars overlap and hide the low ones.
    `  x-axis "${title}" [${bars.map((_, i) => i + 1).join(', ')}]`,
    `  y-axis "${axis}" 0 --> 100`,
    `  bar [${bars.join(', ')}]`,
    '```',
  ].join('\n')
}

/** Values over the steps of a training: a line for each, in the order of `lines`. */
export function lineChart(
  steps: readonly number[],
  { axis, lines }: { readonly axis: string; readonly lines: readonly (readonly (number | undefined)[])[] },
): string {
  const curves = lines.map((values) => filled(values))
  const all = curves.flat()
  const [low, high] = [Math.min(...all), Math.max(...all)]
  const room = (high - low || Math.abs(high) || 1) * 0.05
  const numbered = steps.length <= MOST_NUMBERED / 2
  return [
    '```mermaid',
    look(numbered, '#5b7fe8, #d97a1f'),
    'xychart-beta',
    `  x-axis "${numbered ? 'step' : `steps 0 to ${steps.at(-1)}`}" [${steps.join(', ')}]`,
    `  y-axis "${axis}" ${rounded(low >= 0 ? Math.max(0, low - room) : low - room)} --> ${rounded(high + room)}`,
    ...curves.map((values) => `  line [${values.map(rounded).join(', ')}]`),
    '```',
  ].join('\n')
}

/** Mermaid's lines have no gaps: where there is no value, that of the nearest place before, else after it. */
function filled(values: readonly (number | undefined)[]): number[] {
  const first = values.find((value) => value !== undefined) ?? 0
  let last = first
  return values.map((value) => {
    last = value ?? last
    return last
  })
}

function rounded(value: number): number {
  return Number(value.toPrecision(4))
}

/** Mermaid's own bars are too pale to read on white, its charts too high. */
function look(numbered: boolean, plotColorPalette = '#5b7fe8'): string {
  const xyChart = { width: 820, height: 280, xAxis: { showLabel: numbered, showTick: numbered } }
  return `%%${JSON.stringify({ init: { xyChart, themeVariables: { xyChart: { plotColorPalette } } } }).replace('{"init":', '{init: ')}%%`
}

/** What went of some things together, in percent with one decimal. */
function percentage(bars: readonly Bar[]): number {
  const gone = bars.reduce((total, bar) => total + bar.gone, 0)
  const of = bars.reduce((total, bar) => total + bar.of, 0)
  return of > 0 ? Math.round((gone / of) * 1000) / 10 : 0
}
