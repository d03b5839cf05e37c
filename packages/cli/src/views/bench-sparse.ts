import type { LatencyCase, SparseLatency } from '@pare/evaluate'
import { share } from '@pare/gate'
import { renderTable } from '../terminal/table.js'

type Layer = SparseLatency['plan']['layers'][number]
type SparsityOutlook = NonNullable<SparseLatency['plan']['outlook']>[number]

/** What sparse weights gain, by case, and where: a paragraph and a table for each. Undefined where no model has any that could gain. */
export function renderSparse(cases: readonly LatencyCase[], columns: number): string | undefined {
  const tried = cases.filter(({ sparse }) => sparse !== null && sparse.plan.layers.length > 0)
  if (tried.length === 0) return undefined
  const pays = tried.some(({ sparse }) => sparse?.timed != null)
  const summary = pays
    ? 'Sparse weights run on kernels of Pare\u2019s own where that is faster; a table for each case:'
    : 'The zeros do not pay on this run time: dense, ONNX Runtime multiplies with them as with any number, and sparse kernels are not faster here.'
  return [summary, ...tried.map((each) => renderCase(each, columns))].join('\n\n')
}

function renderCase({ threads, batch, sparse }: LatencyCase, columns: number): string {
  const { plan } = sparse!
  const title = `${threads} ${threads === 1 ? 'thread' : 'threads'}, batch ${batch}: ${plan.kind}; ${plan.reason}`
  const head = ['layers', 'in × out', 'zeros', 'format', 'samples', 'dense', 'sparse', 'limit', 'runs']
  const groups = alike(plan.layers).sort((a, b) => timeOf(b) - timeOf(a))
  const more =
    groups.length > MOST_ROWS ? `\nand ${groups.length - MOST_ROWS} kinds of layers that take less time; --json has all.` : ''
  const table = renderTable(head, groups.slice(0, MOST_ROWS).map(rowOf), { columns })
  return [`${title}\n${table}${more}`, ...(plan.outlook === undefined ? [] : [outlookOf(plan.outlook)])].join('\n')
}

const MOST_ROWS = 12

const timeOf = (layers: readonly Layer[]) => layers.length * layers[0]!.denseUs

/** Layers of one size, format and number of zeros were timed as one. */
function alike(layers: readonly Layer[]): Layer[][] {
  const groups = new Map<string, Layer[]>()
  for (const layer of layers) {
    const key = [layer.in, layer.out, layer.format, layer.samples, layer.denseUs, layer.sparseUs, layer.chosen].join()
    groups.set(key, [...(groups.get(key) ?? []), layer])
  }
  return [...groups.values()]
}

function rowOf(layers: readonly Layer[]): string[] {
  const [first] = layers as [Layer]
  const zeros = layers.reduce((sum, { sparsity }) => sum + sparsity, 0) / layers.length
  return [
    layers.length === 1 ? first.id : `${first.id} and ${layers.length - 1} like it`,
    `${first.in} × ${first.out}`,
    share(zeros),
    first.format,
    String(first.samples),
    formatUs(first.denseUs),
    formatUs(first.sparseUs),
    times(first.limit),
    first.chosen,
  ]
}

/** How many zeros the product that takes longest would need. */
function outlookOf(outlook: readonly SparsityOutlook[]): string {
  const [{ in: inputs, out, samples }] = outlook as [SparsityOutlook]
  const places = outlook.map(({ format, sparsity, speedup }) => {
    const where = format === 'rows' ? 'in any place' : `in ${format}`
    return sparsity === undefined
      ? `not even from 95 % zeros ${where}`
      : `from ${share(sparsity)} zeros ${where} (${times(speedup!)})`
  })
  return `A product of ${inputs} × ${out} with ${samples} ${samples === 1 ? 'sample' : 'samples'} by itself would be faster sparse ${places.join(', and ')}.`
}

const times = (ratio: number) => (Number.isFinite(ratio) ? `${ratio.toPrecision(ratio < 10 ? 2 : 3)}×` : '∞')

function formatUs(microseconds: number): string {
  return microseconds < 9995 ? `${Number(microseconds.toPrecision(3))} µs` : `${(microseconds / 1000).toPrecision(3)} ms`
}
