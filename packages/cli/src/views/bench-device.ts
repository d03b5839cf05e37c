import type { DeviceLatency, LatencyCase } from '@pare/evaluate'
import { formatBytes, share } from '@pare/gate'
import { renderTable } from '../terminal/table.js'

/** What the pruned model does on a device with kernels of ours, by case: what runs where and why, and what a run moves. Undefined where none was tried. */
export function renderDevice(cases: readonly LatencyCase[], columns: number): string | undefined {
  const tried = cases.flatMap((each) => (each.device === null ? [] : [{ batch: each.batch, device: each.device }]))
  const [first] = tried
  if (first === undefined) return undefined
  if ('problem' in first.device) return `The pruned model was not tried on kernels of Pare\u2019s own: ${first.device.problem}`
  const devices = tried.flatMap(({ batch, device }) => ('problem' in device ? [] : [{ batch, device }]))
  return [summary(devices[0]!.device), ...devices.map(({ batch, device }) => renderCase(batch, device, columns))].join('\n\n')
}

function summary({ plan }: DeviceLatency): string {
  const { adapter, software, deviceNodes, elsewhere, products } = plan
  const dense = products.reduce((sum, { denseBytes }) => sum + denseBytes, 0)
  const bytes = products.reduce((sum, product) => sum + product.bytes, 0)
  const onCpu = software ? ' It computes on the CPU, so its times say nothing of GPUs.' : ''
  const rest =
    elsewhere.length === 0
      ? 'all of its nodes run there'
      : `${deviceNodes} of its nodes run there, ${elsewhere.length} on ONNX Runtime between them (${reasons(elsewhere)})`
  return `On kernels of Pare\u2019s own on '${adapter}' ${rest}. Its multiplied weights take ${formatBytes(bytes)}, and would take ${formatBytes(dense)} dense in f32.${onCpu}`
}

/** 'TopK 2×: there is no kernel for this operator' */
function reasons(elsewhere: DeviceLatency['plan']['elsewhere']): string {
  const counts = new Map<string, number>()
  for (const { op, reason } of elsewhere) counts.set(`${op}: ${reason}`, (counts.get(`${op}: ${reason}`) ?? 0) + 1)
  const shown = [...counts].slice(0, MOST_REASONS).map(([text, count]) => (count === 1 ? text : `${count}× ${text}`))
  return [...shown, ...(counts.size > MOST_REASONS ? [`and ${counts.size - MOST_REASONS} more kinds; --json has all`] : [])].join(
    '; ',
  )
}

const MOST_REASONS = 4
const MOST_ROWS = 12

function renderCase(batch: number, { plan, costs }: DeviceLatency, columns: number): string {
  const times = costs.submissions === 1 ? 'one submission' : `${costs.submissions} submissions`
  const title = `Batch ${batch}: ${costs.dispatches} kernels in ${times}; a run sends ${formatBytes(costs.uploaded)} and reads ${formatBytes(costs.readBack)}. One submission with its answer takes ${plan.floorMs.toPrecision(3)} ms here.`
  const groups = new Map<string, { row: string[]; count: number; id: string }>()
  for (const { id, in: inputs, out, sparsity, format, bytes, denseBytes } of plan.products) {
    const row = [`${inputs} × ${out}`, share(sparsity), format, formatBytes(bytes), `${(denseBytes / bytes).toPrecision(3)}×`]
    const key = row.join()
    groups.set(key, { row, id, ...groups.get(key), count: (groups.get(key)?.count ?? 0) + 1 })
  }
  const rows = [...groups.values()].map(({ id, row, count }) => [count === 1 ? id : `${id} and ${count - 1} like it`, ...row])
  const more = rows.length > MOST_ROWS ? `\nand ${rows.length - MOST_ROWS} kinds of products more; --json has all.` : ''
  return `${title}\n${renderTable(['products', 'in × out', 'zeros', 'format', 'bytes', 'fewer'], rows.slice(0, MOST_ROWS), { columns })}${more}`
}
