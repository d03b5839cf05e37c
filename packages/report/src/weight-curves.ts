import { html, type Markup } from './escape.js'
import { figure, plural, share } from './figures.js'
import { type TableColumn, table } from './page/table.js'
import type { ModelResult } from './results/results.js'

type WeightCurve = NonNullable<ModelResult['curves']>[number]

/** Powers of ten from the faintest colour to the strongest. */
const DECADES = 4

/**
 * What each weight costs when it alone is pruned, at each sparsity that was measured, the costliest first, beside how much of it this run took: a number in each cell, and a colour for its size on a logarithmic
 * scale. Undefined where no measured curves were followed.
 */
export function weightCurveTable({ curves = [], layers = [] }: ModelResult): Markup | undefined {
  if (curves.length === 0) return undefined
  const taken = new Map(layers.map(({ name, sparsity }) => [name, sparsity.after]))
  const amounts = [...new Set(curves.flatMap(({ points }) => points.map(({ sparsity }) => sparsity)))]
    .filter((amount) => amount > 0)
    .sort((a, b) => a - b)
  const lossAt = ({ points }: WeightCurve, amount: number) => points.find(({ sparsity }) => sparsity === amount)?.loss
  const most = Math.max(...curves.flatMap(({ points }) => points.map(({ loss }) => loss)))
  const columns: TableColumn<WeightCurve>[] = [
    { title: 'Weight', cell: ({ id }) => id, heading: true },
    {
      title: 'Zeros here',
      number: ({ id }) => taken.get(id),
      cell: ({ id }) => (taken.has(id) ? share(taken.get(id)!) : '–'),
    },
    ...amounts.map(
      (amount): TableColumn<WeightCurve> => ({
        title: `at ${share(amount)}`,
        number: (curve) => lossAt(curve, amount),
        cell: (curve) =>
          heat(lossAt(curve, amount), { most, isNearest: nearest(taken.get(curve.id), [0, ...amounts]) === amount }),
      }),
    ),
  ]
  const ranked = [...curves].sort((a, b) => lastLoss(b) - lastLoss(a))
  return html`<details open><summary>What ${plural(curves.length, 'weight')} cost alone, by sparsity</summary>
<p>The loss that <code>pare sensitivity</code> measured with only that weight pruned; zeros were spread by it. The stronger the colour the more, on a logarithmic scale of ${DECADES} powers of ten; framed is what is nearest to the zeros of this run.</p>
${table({ label: 'Loss of single weights by sparsity', columns, rows: ranked })}</details>`
}

function lastLoss({ points }: WeightCurve): number {
  return points.at(-1)?.loss ?? 0
}

function nearest(value: number | undefined, amounts: readonly number[]): number | undefined {
  if (value === undefined) return undefined
  return [...amounts].sort((a, b) => Math.abs(a - value) - Math.abs(b - value))[0]
}

function heat(
  loss: number | undefined,
  { most, isNearest }: { readonly most: number; readonly isNearest: boolean },
): Markup | string {
  if (loss === undefined) return '–'
  const level = loss > 0 && most > 0 ? Math.max(0, 1 + Math.log10(loss / most) / DECADES) : 0
  return html`<svg class="heat${isNearest && ' nearest'}" aria-hidden="true"><rect width="100%" height="100%" fill-opacity="${level.toFixed(2)}"/></svg>${figure(loss, 3)}`
}
