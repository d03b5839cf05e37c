import type { ModelResult } from './results.js'

/** More bars than this are narrower than a pixel or two on GitHub: neighbours are averaged. */
const MOST_BARS = 120

/**
 * A Mermaid chart of the sparsity of each layer, in the order of the table. Layers are numbered, not named: names would overlap, and nothing of a
 * model's text gets into the chart's syntax. GitHub renders `xychart-beta`; it renders no images of ours.
 */
export function sparsityChart(layers: NonNullable<ModelResult['layers']>): string {
  const width = Math.ceil(layers.length / MOST_BARS)
  const bars: number[] = []
  for (let at = 0; at < layers.length; at += width) {
    const some = layers.slice(at, at + width)
    const zeros = some.reduce((total, { elements, sparsity }) => total + elements * sparsity.after, 0)
    const elements = some.reduce((total, layer) => total + layer.elements, 0)
    bars.push(elements > 0 ? Math.round((zeros / elements) * 1000) / 10 : 0)
  }
  // An axis needs two ends.
  if (bars.length === 1) bars.push(0)
  return [
    '```mermaid',
    'xychart-beta',
    `  x-axis "layer${width > 1 ? `s, ${width} a bar` : ''}" 1 --> ${Math.max(2, layers.length)}`,
    '  y-axis "zeros in %" 0 --> 100',
    `  bar [${bars.join(', ')}]`,
    '```',
  ].join('\n')
}
