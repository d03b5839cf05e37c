import { figure, formatCount, share } from '@pare/gate'
import type { CurvesView } from '@pare/report'
import { renderTable } from '../terminal/table.js'

/** Loss against sparsity as the terminal shows it: a row for each weight or group with a small plot, the costliest first. */
export function renderCurvesText({ path, loss, amount, note, curves }: CurvesView, columns: number): string {
  const amounts = [...new Set(curves.flatMap(({ points }) => points.map((point) => point.amount)))].sort((a, b) => a - b)
  const ranked = [...curves].sort((a, b) => (b.points.at(-1)?.loss ?? 0) - (a.points.at(-1)?.loss ?? 0))
  const most = Math.max(...curves.flatMap(({ points }) => points.map((point) => point.loss)))
  const head = [amount === 'sparsity' ? 'weight' : 'group', amount === 'sparsity' ? 'elements' : 'units', '']
  const shown = amounts.filter((at) => at > 0)
  const rows = ranked.map(({ id, size, points }) => {
    const losses = shown.map((at) => points.find((point) => point.amount === at)?.loss)
    const values = losses.map((value) => (value === undefined ? '–' : figure(value, 3)))
    return [id, formatCount(size), losses.map((value) => bar(value ?? 0, most)).join(''), ...values]
  })
  return [
    `${path}: ${loss} against ${amount}, each pruned alone`,
    '',
    renderTable([...head, ...shown.map(share)], rows, { columns, shorten: head.slice(0, 1) }),
    '',
    `${note} Bars are on a logarithmic scale of four powers of ten.`,
  ].join('\n')
}

const BARS = '▁▂▃▄▅▆▇█'

/** One of eight heights, half a power of ten each. */
function bar(loss: number, most: number): string {
  if (!(loss > 0) || !(most > 0)) return BARS[0]!
  return BARS[Math.max(0, Math.min(7, Math.ceil(8 + 2 * Math.log10(loss / most)) - 1))]!
}
