import type { ModelResult } from './results.js'

/** More bars than this are narrower than a pixel or two on GitHub: neighbours are averaged. */
const MOST_BARS = 120

/** More bars than this leave no room for a number below each. */
const MOST_NUMBERED = 36

/**
 * A Mermaid chart of the sparsity of each layer, in the order of the table. Layers are numbered, not named: names would overlap, and nothing of a
 * model's text gets into the chart's syntax. GitHub renders `xychart-beta`; it renders no images of ours.
 */
export function sparsityChart(layers: NonNullable<ModelResult['layers']>): string {
  const width = Math.ceil(layers.length / MOST_BARS)
  const bars: number[] = []
  for (let at = 0; at < layers.length; at += width) bars.push(percentage(layers.slice(at, at + width)))
  const numbered = bars.length <= MOST_NUMBERED
  const title = numbered ? 'layer' : `layers 1 to ${layers.length}${width > 1 ? `, ${width} a bar` : ''}`
  return [
    '```mermaid',
    look(numbered),
    'xychart-beta',
    // Categories even where no number is shown: on a scale of numbers Mermaid's bars overlap and hide the low ones.
    `  x-axis "${title}" [${bars.map((_, i) => i + 1).join(', ')}]`,
    '  y-axis "zeros in %" 0 --> 100',
    `  bar [${bars.join(', ')}]`,
    '```',
  ].join('\n')
}

/** Mermaid's own bars are too pale to read on white, its charts too high. */
function look(numbered: boolean): string {
  const xyChart = { width: 820, height: 280, xAxis: { showLabel: numbered, showTick: numbered } }
  return `%%${JSON.stringify({ init: { xyChart, themeVariables: { xyChart: { plotColorPalette: '#5b7fe8' } } } }).replace('{"init":', '{init: ')}%%`
}

/** Zeros ÷ elements of some layers together, in percent with one decimal. */
function percentage(layers: NonNullable<ModelResult['layers']>): number {
  const zeros = layers.reduce((total, { elements, sparsity }) => total + elements * sparsity.after, 0)
  const elements = layers.reduce((total, layer) => total + layer.elements, 0)
  return elements > 0 ? Math.round((zeros / elements) * 1000) / 10 : 0
}
