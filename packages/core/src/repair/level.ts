import type { Model } from '@pare/onnx'
import { present } from '@pare/onnx'
import type { LevelMeasuring } from '../calibrate/levels.js'
import { measureSites } from '../calibrate/measure.js'
import type { StatisticSite } from '../calibrate/site.js'
import type { Statistic, Weight } from '../contract/contract.js'
import { fitLayer, matchLayer } from './layer.js'
import { type MergedModel, merge, withPositions } from './merge.js'
import { renewNormalization } from './normalization.js'
import type { Origins } from './origins.js'
import type { Repairable, RepairableLayer } from './repairable.js'
import { type LayerRepair, type Measurements, measurementsOf, sizedRequests, type Treatment } from './treatment.js'

/** What repairing any layer needs. */
export interface Repairing {
  readonly reference: Model
  /** In the reference and the pruned model as one graph. */
  readonly measuring: LevelMeasuring
  readonly onPadding?: ((values: readonly string[]) => void) | undefined
  readonly origins: Origins
  /** Ids of weights whose zeros stay. */
  readonly masked: ReadonlySet<string>
  /** Of the reference, by first output of the node. */
  readonly weights: ReadonlyMap<string, Weight>
  /** How often constants of the pruned model are read, by id. */
  readonly readers: ReadonlyMap<string, number>
  readonly signal?: AbortSignal | undefined
}

/** Repairs layers that do not feed one another by what one pass over the data measures. */
export async function repairLevel(level: readonly Repairable[], pruned: Model, context: Repairing): Promise<LayerRepair[]> {
  const merged = merge(context.reference, pruned)
  let { model } = merged
  const done: LayerRepair[] = []
  const treatments: Treatment[] = []
  const aliases = new Map<string, string>()
  for (const one of level) {
    const goal = one.kind === 'layer' ? treatmentOf(one, merged, context) : undefined
    if (one.kind === 'normalization')
      treatments.push({ how: 'normalization', of: one, input: { site: one.site, statistic: VARIANCE } })
    else if ('tensors' in goal!) done.push(goal)
    else {
      const target = targetIn(model, goal!)
      model = target.model
      if (target.alias !== undefined) aliases.set(...target.alias)
      treatments.push(target.treatment)
    }
  }
  if (treatments.length === 0) return done
  const { measuring, onPadding, signal } = context
  const options = { ...withAliases(measuring, aliases), onPadding, ...present({ signal }) }
  const totals = await measureSites(model, treatments.flatMap(sizedRequests), options)
  for (const treatment of treatments) done.push(await treat(treatment, measurementsOf(totals), context))
  return done
}

function treat(treatment: Treatment, measurements: Measurements, context: Repairing): Promise<LayerRepair> {
  switch (treatment.how) {
    case 'normalization':
      return renewNormalization(treatment, measurements, context)
    case 'match':
      return matchLayer(treatment, measurements, context)
    case 'refit':
      return fitLayer(treatment, measurements, context)
    default:
      return treatment satisfies never
  }
}

/** What is to be done about a layer, with the positions of its outputs in the reference. */
interface Goal {
  readonly how: 'match' | 'refit'
  readonly layer: RepairableLayer
  /** The reference's output. */
  readonly value: string
  /** Undefined: all of them. */
  readonly positions: Int32Array | undefined
}

function treatmentOf(layer: RepairableLayer, merged: MergedModel, { masked, weights, origins }: Repairing): Goal | LayerRepair {
  const { id, weight, input, output, normalized } = layer
  const isMasked = masked.has(weight.id)
  // What it is given and what it holds are as in the reference.
  if (merged.nameOf(input.value) === input.value && !isMasked) return nothing()
  const before = weights.get(id)
  if (before === undefined) return nothing(`${id}: the reference has no such layer`)
  const isCut = String(before.tensor.shape) !== String(weight.tensor.shape)
  const how = isCut && !isMasked ? 'refit' : 'match'
  // The normalisation behind it matches.
  if (how === 'match' && normalized) return nothing()
  const positions = origins(output.value, output.axes[0]!)
  const kept = positions?.length ?? weight.rows.out
  if (kept !== weight.rows.out || (positions === undefined && weight.rows.out !== before.rows.out))
    return nothing(`${id}: it is not known which of its outputs are left`)
  const isWhole = positions === undefined || (kept === before.rows.out && positions.every((position, i) => position === i))
  return { how, layer, value: merged.nameOf(output.value), positions: isWhole ? undefined : positions }
}

/** The requests of a treatment, and the model in which the reference's outputs stand as the pruned model has them. */
function targetIn(
  model: Model,
  { how, layer, value, positions }: Goal,
): { model: Model; treatment: Treatment; alias?: readonly [name: string, value: string] } {
  const { input, output } = layer
  const aligned = positions && withPositions(model, { value, axis: output.axes[0]!, positions })
  const target: StatisticSite = { ...output, value: aligned?.name ?? value }
  const treatment: Treatment =
    how === 'match'
      ? { how, of: layer, output: { site: output, statistic: VARIANCE }, target: { site: target, statistic: VARIANCE } }
      : {
          ...{ how, of: layer },
          gram: { site: input, statistic: GRAM },
          cross: { site: input, statistic: GRAM, other: target },
          x: { site: input, statistic: MEAN },
          y: { site: target, statistic: MEAN },
        }
  return { model: aligned?.model ?? model, treatment, ...(aligned && { alias: [aligned.name, value] as const }) }
}

/** Some positions of a value have the rows that the value has, and as many axes. */
function withAliases({ forward, padding, shapes }: LevelMeasuring, aliases: ReadonlyMap<string, string>): LevelMeasuring {
  const alias = (value: string) => aliases.get(value) ?? value
  return {
    forward,
    padding: padding && { ...padding, layoutOf: (value, axes) => padding.layoutOf(alias(value), axes) },
    shapes: new Map([...shapes, ...[...aliases].map(([name, value]) => [name, shapes.get(value) ?? []] as const)]),
  }
}

const VARIANCE: Statistic = { at: 'output', reduce: 'variance' }
const MEAN: Statistic = { at: 'input', reduce: 'mean' }
const GRAM: Statistic = { at: 'input', reduce: 'gram' }

const nothing = (...notes: readonly string[]): LayerRepair => ({ how: 'nothing', tensors: [], notes })
