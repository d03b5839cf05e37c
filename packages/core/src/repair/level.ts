import type { Model } from '@pare/onnx'
import type { Request } from '../calibrate/instrument.js'
import { requestId } from '../calibrate/instrument.js'
import { measureSites } from '../calibrate/measure.js'
import type { Site } from '../calibrate/site.js'
import { finished, type Totals } from '../calibrate/totals.js'
import type { Statistic, Weight } from '../contract.js'
import type { UpdatedTensor } from '../update.js'
import { repairLayer } from './layer.js'
import type { Moments } from './match.js'
import { merge, withPositions } from './merge.js'
import { repairNormalization } from './normalization.js'
import type { Origins } from './origins.js'
import type { RepairOptions } from './repair.js'
import type { Layer, Repairable } from './repairable.js'

export interface RepairContext extends RepairOptions {
  readonly reference: Model
  readonly origins: Origins
  /** Ids of weights whose zeros stay. */
  readonly masked: ReadonlySet<string>
  /** Of the reference, by first output of the node. */
  readonly weights: ReadonlyMap<string, Weight>
  /** How often constants of the pruned model are read, by id. */
  readonly readers: ReadonlyMap<string, number>
}

/** What was done about one layer. */
export interface Done {
  readonly how: 'normalization' | 'match' | 'refit' | 'nothing'
  readonly tensors: readonly UpdatedTensor[]
  readonly notes: readonly string[]
}

/** A layer and what was measured for it. */
export type Treated = Task & { readonly measured: Measurements }

type Task =
  | { readonly how: 'normalization'; readonly of: Extract<Repairable, { kind: 'normalization' }>; readonly found: Request }
  | { readonly how: 'match'; readonly of: Layer; readonly found: Request; readonly wanted: Request }
  | {
      readonly how: 'refit'
      readonly of: Layer
      readonly gram: Request
      readonly cross: Request
      readonly x: Request
      readonly y: Request
    }

export interface Measurements {
  values(request: Request): Float64Array
  moments(request: Request): Moments
  rows(request: Request): number
}

/** Repairs layers that do not feed one another, with one pass over the data. */
export async function repairLevel(level: readonly Repairable[], pruned: Model, context: RepairContext): Promise<Done[]> {
  const { reference, forward, signal } = context
  const merged = merge(reference, pruned)
  let { model } = merged
  const done: Done[] = []
  const tasks: Task[] = []
  for (const one of level) {
    const task =
      one.kind === 'normalization'
        ? ({ how: 'normalization', of: one, found: { site: one.site, statistic: VARIANCE } } as const)
        : taskOf(one)
    if ('notes' in task) done.push(task)
    else tasks.push(task)
  }
  if (tasks.length === 0) return done
  const totals = await measureSites(model, tasks.flatMap(requestsOf), { forward, ...(signal && { signal }) })
  const measured = measurements(totals)
  for (const task of tasks) {
    done.push(
      task.how === 'normalization'
        ? await repairNormalization(task, measured, context)
        : await repairLayer(task, measured, context),
    )
  }
  return done

  function taskOf(layer: Layer): Task | Done {
    const { id, weight, input, output, normalized } = layer
    const masked = context.masked.has(weight.id)
    if (merged.nameOf(input.value) === input.value && !masked) return nothing()
    const before = context.weights.get(id)
    if (before === undefined) return nothing(`${id}: the reference has no such layer`)
    const fits = !masked && String(before.tensor.shape) !== String(weight.tensor.shape)
    if (normalized && !fits) return nothing()
    const wanted = targetOf(output, before.rows.out, weight.rows.out)
    if (wanted === undefined) return nothing(`${id}: it is not known which of its outputs are left`)
    if (!fits)
      return {
        how: 'match',
        of: layer,
        found: { site: output, statistic: VARIANCE },
        wanted: { site: wanted, statistic: VARIANCE },
      }
    return {
      ...({ how: 'refit', of: layer } as const),
      gram: { site: input, statistic: GRAM },
      cross: { site: input, statistic: GRAM, other: wanted },
      x: { site: input, statistic: MEAN },
      y: { site: wanted, statistic: MEAN },
    }
  }

  /** The reference's outputs, those that are left, in the order that they have now. */
  function targetOf(output: Site, before: number, after: number): Site | undefined {
    const value = merged.nameOf(output.value)
    const positions = context.origins(output.value, output.axis)
    if (positions === undefined || (positions.length === before && positions.every((position, i) => position === i)))
      return before === after ? { ...output, value } : undefined
    const added = withPositions(model, { value, axis: output.axis, positions })
    model = added.model
    return { ...output, value: added.name }
  }
}

const VARIANCE: Statistic = { at: 'output', reduce: 'variance' }
const MEAN: Statistic = { at: 'input', reduce: 'mean' }
const GRAM: Statistic = { at: 'input', reduce: 'gram' }

const nothing = (...notes: readonly string[]): Done => ({ how: 'nothing', tensors: [], notes })

function requestsOf(task: Task): readonly Request[] {
  switch (task.how) {
    case 'normalization':
      return [task.found]
    case 'match':
      return [task.found, task.wanted]
    case 'refit':
      return [task.gram, task.cross, task.x, task.y]
    default:
      return task satisfies never
  }
}

function measurements(totals: ReadonlyMap<string, Totals>): Measurements {
  const of = (request: Request) => totals.get(requestId(request))!
  const values = (request: Request) => finished(request.statistic.reduce, of(request))
  const moments = (request: Request) => ({ rows: of(request).rows, mean: of(request).values, variance: values(request) })
  return { values, moments, rows: (request) => of(request).rows }
}
