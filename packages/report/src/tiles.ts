import { html, type Markup } from './escape.js'
import { amount, atSizes, change, figure, share, size } from './figures.js'
import { equationOf, proofText, type Removal, removalsOf, removalText } from './pruning.js'
import type { ModelResult } from './results/results.js'
import { demands, dropText } from './statement.js'
import { boughtText } from './training.js'

/** The numbers of a model that a reader looks for first: each a label, a value, and a note to judge it by. */
export function tiles(model: ModelResult): Markup {
  const { macs } = model
  return html`<dl class="tiles">
${metricNames(model).map((name) => metricTile(name, model))}
${removalsOf(model.groups).map(removalTile)}
${sparsityTile(model)}
${parametersTile(model)}
${macs && tile('MACs', amount(macs.after), `${change(macs.before, macs.after) ?? ''} from ${amount(macs.before)}${atSizes(macs.sizes)}`)}
${latencyTile(model)}
${sizeTile(model)}
${zippedTile(model)}
${weightsTile(model)}
${recoveryTile(model)}
${proofTile(model)}
</dl>`
}

function tile(label: string, value: Markup | string, note: string): Markup {
  return html`<div><dt>${label}</dt><dd>${value}</dd><dd class="note">${note}</dd></div>\n`
}

/** The judged metric first. */
function metricNames({ metric, reference, pruned }: ModelResult): string[] {
  const names = [...Object.keys(reference.metrics), ...Object.keys(pruned?.metrics ?? {})]
  return [...new Set(metric === undefined ? names : [metric, ...names])]
}

function metricTile(name: string, model: ModelResult): Markup {
  const text = (value: number | undefined) => (value === undefined ? '–' : figure(value))
  const value = html`${text(model.reference.metrics[name])} <i>→</i> ${text(model.pruned?.metrics[name])}`
  const limit = demands(model).join('; ')
  const note = [model.drop && `drop ${dropText(model)}`, limit && `limit: ${limit}`].filter((part) => part).join('; ')
  return tile(name, value, name === model.metric ? note : 'not limited')
}

function sparsityTile({ sparsity }: ModelResult): Markup | undefined {
  if (!sparsity) return undefined
  const target = sparsity.target === undefined ? '' : `, target ${share(sparsity.target)}`
  const whole = sparsity.model === undefined ? '' : `, whole model ${share(sparsity.model)}`
  return tile('sparsity', share(sparsity.after), `of the eligible weights${target}${whole}`)
}

function latencyTile({ latency }: ModelResult): Markup | undefined {
  if (!latency) return undefined
  const [low, high] = latency.interval
  const value = `${figure(latency.relative, 3)}×`
  return tile(
    'time of a run',
    value,
    `the reference's; 95 % interval ${figure(low, 3)} to ${figure(high, 3)}, batch ${latency.batch}, threads ${latency.threads}`,
  )
}

function sizeTile({ reference, pruned }: ModelResult): Markup {
  if (!pruned) return tile('size', size(reference.bytes), 'reference; there is no pruned model')
  return tile('size', size(pruned.bytes), `${change(reference.bytes, pruned.bytes) ?? ''} from ${size(reference.bytes)}`)
}

function zippedTile({ reference, pruned }: ModelResult): Markup | undefined {
  const [before, after] = [reference.zippedBytes, pruned?.zippedBytes]
  if (before === undefined || after === undefined) return undefined
  return tile('zipped', size(after), `${change(before, after) ?? ''} from ${size(before)}`)
}

function removalTile(removal: Removal): Markup {
  const { structure, units, removed } = removal
  return tile(`${structure} units removed`, share(units === 0 ? 0 : removed / units), removalText(removal))
}

function parametersTile({ parameters, groups }: ModelResult): Markup | undefined {
  if (!parameters || !groups) return undefined
  const { before, after } = parameters
  return tile('parameters', amount(after), `${change(before, after) ?? ''} from ${amount(before)}`)
}

/** Only where zeros are what was wanted. */
function weightsTile({ parameters, sparsity }: ModelResult): Markup | undefined {
  if (!parameters || !sparsity) return undefined
  const { after, nonzero } = parameters
  return tile('weights not zero', amount(nonzero), `of ${amount(after)}, ${change(after, nonzero) ?? ''}`)
}

/** What recovery bought: the metric before and after it. */
function recoveryTile(model: ModelResult): Markup | undefined {
  const { metric, unrecovered, pruned } = model
  if (boughtText(model) === undefined) return undefined
  const value = html`${figure(unrecovered!.metrics[metric!]!)} <i>→</i> ${figure(pruned!.metrics[metric!]!)}`
  return tile(`${metric}, pruned`, value, 'before and after recovery')
}

function proofTile(model: ModelResult): Markup | undefined {
  const { proof } = model
  if (!proof) return undefined
  return tile(
    equationOf(proof),
    proof.proved ? 'proved' : 'not proved',
    proof.proved ? (proofText(model) ?? '').replace(`${equationOf(proof)}: `, '') : 'that was not wanted',
  )
}
