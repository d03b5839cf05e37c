import { type Model, operatorName, PareError, present } from '@pare/onnx'
import { weightsOf } from '../analyse/analyse.js'
import { readMatrices } from '../backend/matrix.js'
import { requestId } from '../calibrate/instrument.js'
import { requestsFor } from '../calibrate/measure.js'
import { measureSensitivities, type OutputSensitivities } from '../calibrate/outputs-and-inputs.js'
import { inputSite } from '../calibrate/site.js'
import { statisticsFor, type WeightStatistics } from '../calibrate/statistics/statistics.js'
import type { Slice, Statistic, UnitGroup, UnitReader, Weight } from '../contract/contract.js'
import type { PlanOptions } from '../plan/plan.js'
import { findRepairable } from '../repair/repairable.js'
import { rowElement } from '../select/rows.js'
import { innerOf, isOutputAxis } from '../select/unit-scores.js'

const GRAM: Statistic = { at: 'input', reduce: 'gram' }
const MEAN: Statistic = { at: 'input', reduce: 'mean' }

/** Gram matrices of one pass over the data. */
const BUDGET_BYTES = 2 ** 29

/** A slice of a group that a weight sums over. */
interface Reading {
  readonly slice: Slice
  readonly weight: Weight
}

/**
 * For each group, in order, the weights that sum over its units, one reader for each input that they have in common. Throws PareError for a group of which no
 * weight's inputs are measured. As many groups as the budget holds share a pass over the data.
 */
export async function* unitReaders(
  model: Model,
  groups: readonly UnitGroup[],
  { criterion, ...options }: PlanOptions & { readonly criterion: string },
): AsyncGenerator<readonly UnitReader[]> {
  const weights = new Map(weightsOf(model).map((weight) => [weight.id, weight]))
  const readings = groups.map((group) => readingsOf(group, weights, criterion))
  const felt = await feltBy(readings.flat(), model, options)
  const centred = centredWeights(model)
  for (const batch of batchesOf(readings)) {
    const needs = batch.flat().some(({ weight }) => centred.has(weight.id)) ? { gram: GRAM, mean: MEAN } : { gram: GRAM }
    const needed = [...new Set(batch.flat().map(({ weight }) => weight))]
    const statistics = (await statisticsFor({ name: criterion, needs }, { model, weights: needed }, options))!
    for (const own of batch) yield await readersOf(own, { statistics, felt, centred })
  }
}

/** The first of the groups of which no weight that sums over its units has inputs that are measured: `unitReaders` refuses it. */
export function unreadGroup(model: Model, groups: readonly UnitGroup[]): UnitGroup | undefined {
  const weights = new Map(weightsOf(model).map((weight) => [weight.id, weight]))
  return groups.find((group) => measuredReadings(group, weights).length === 0)
}

function readingsOf(group: UnitGroup, weights: ReadonlyMap<string, Weight>, criterion: string): readonly Reading[] {
  const readings = measuredReadings(group, weights)
  if (readings.length > 0) return readings
  throw new PareError(
    `criterion '${criterion}' cannot judge '${group.id}': of no weight that sums over its units the inputs are measured.`,
    {
      hint: `leave it out with --exclude '${group.id}', or choose another: --criterion magnitude.`,
    },
  )
}

function measuredReadings({ kind, slices }: UnitGroup, weights: ReadonlyMap<string, Weight>): readonly Reading[] {
  if (kind === 'block') return []
  return slices.flatMap((slice) => {
    const weight = weights.get(slice.id)
    if (!slice.scored || weight === undefined || isOutputAxis(slice, weight) || isStackAxis(slice, weight)) return []
    return isMeasured(weight) ? [{ slice, weight }] : []
  })
}

/** Whether units are matrices of a stack: none of them sums over units. */
const isStackAxis = (slice: Slice, { rows }: Weight) => innerOf(slice) >= rows.before * rows.out * rows.after

/** Whether what a weight sums over is measured column by column. */
function isMeasured(weight: Weight): boolean {
  return weight.uses.every((use) => operatorName(use.node) !== 'ConvTranspose' && typeof inputSite(weight, use) !== 'string')
}

/** Undefined where there are no training data, or the gradient of an output is not measured: then no weight's errors are compared with another's. */
async function feltBy(
  readings: readonly Reading[],
  model: Model,
  options: PlanOptions,
): Promise<OutputSensitivities | undefined> {
  const { gradients, signal } = options
  if (gradients === undefined) return undefined
  const progress =
    options.onProgress && (({ done, total = done }: { done: number; total?: number }) => options.onProgress?.({ done, total }))
  const weights = [...new Set(readings.map(({ weight }) => weight))]
  return measureSensitivities(model, weights, { gradients, ...present({ signal, onProgress: progress }) })
}

/** Ids of weights behind which a bias, or a normalisation with stored statistics, takes up what their inputs are on average. */
function centredWeights(model: Model): ReadonlySet<string> {
  const { repairables } = findRepairable(model, () => true)
  return new Set(
    repairables.flatMap((one) => (one.kind === 'layer' && (one.bias !== undefined || one.normalized) ? [one.weight.id] : [])),
  )
}

/** Neighbours in groups whose Gram matrices together fit the budget, or one alone. */
function batchesOf(readings: readonly (readonly Reading[])[]): (readonly (readonly Reading[])[])[] {
  const batches: (readonly Reading[])[][] = []
  let left = 0
  for (const own of readings) {
    const bytes = own.reduce((sum, { weight }) => sum + 8 * (weight.rows.before * weight.rows.after) ** 2, 0)
    if (batches.length === 0 || bytes > left) {
      batches.push([])
      left = BUDGET_BYTES
    }
    batches.at(-1)!.push(own)
    left -= bytes
  }
  return batches
}

interface ReaderStatistics {
  readonly statistics: WeightStatistics
  readonly felt: OutputSensitivities | undefined
  readonly centred: ReadonlySet<string>
}

/** Weights with the same inputs, bias or not, and units in the same places are one reader, row under row. */
async function readersOf(
  readings: readonly Reading[],
  { statistics, felt, centred }: ReaderStatistics,
): Promise<readonly UnitReader[]> {
  const alike = new Map<string, { readonly parts: Part[]; readonly grams: readonly Float64Array[] }>()
  for (const { slice, weight } of readings) {
    const stats = statistics.of(weight)
    const isCentred = centred.has(weight.id)
    const columns = weight.rows.before * weight.rows.after
    const unitsOf = columnUnits(slice, weight)
    const key = `${requestsFor(weight, { GRAM }).map(requestId).join('\n')} ${isCentred} ${unitsOf.join()}`
    const readers = alike.get(key) ?? {
      parts: [],
      grams: gramsOf(weight, { gram: stats.gram!.values, mean: isCentred ? stats.mean!.values : undefined, columns }),
    }
    alike.set(key, readers)
    readers.parts.push({ weight, units: unitsOf, felt: felt?.get(weight.id) })
  }
  const readers: UnitReader[] = []
  for (const { parts, grams } of alike.values()) {
    const matrices = await Promise.all(parts.map(({ weight }) => readMatrices(weight.tensor, weight.rows, grams.length)))
    for (const [g, gram] of grams.entries()) {
      const own = matrices.map(({ parts, rows }) => ({ values: parts[g]!, rows }))
      readers.push({
        id: parts.map(({ weight }) => weight.id).join(' '),
        gram,
        rows: own.reduce((sum, { rows }) => sum + rows, 0),
        weight: joined(
          Float32Array,
          own.map(({ values }) => values),
        ),
        units: parts[0]!.units,
        ...present({
          felt:
            felt &&
            joined(
              Float64Array,
              parts.map((part, i) => feltOf(part, own[i]!.rows, g)),
            ),
        }),
      })
    }
  }
  return readers
}

interface Part {
  readonly weight: Weight
  readonly units: Int32Array
  readonly felt: Float64Array | undefined
}

const feltOf = ({ felt }: Part, rows: number, g: number) =>
  Float64Array.from({ length: rows }, (_, r) => felt![(g * rows + r) % felt!.length]!)

/** i32[columns]: the unit of each column of a weight, or −1. */
function columnUnits(slice: Slice, { rows, tensor: { shape } }: Weight): Int32Array {
  const inner = innerOf(slice)
  const size = shape[slice.axis]!
  return Int32Array.from(
    { length: rows.before * rows.after },
    (_, c) => slice.units[Math.floor(rowElement(rows, 0, c) / inner) % size]!,
  )
}

/** One f64[columns × columns] for each group of a convolution: about the mean where that is given. */
function gramsOf(
  { id }: Weight,
  { gram, mean, columns }: { readonly gram: Float64Array; readonly mean: Float64Array | undefined; readonly columns: number },
): readonly Float64Array[] {
  const groups = gram.length / columns ** 2
  if (!Number.isInteger(groups))
    throw new PareError(
      `'${id}' cannot be judged by what it has in common with others: its inputs are not measured column by column.`,
      {
        hint: `leave it out with --exclude '${id}', or choose another: --criterion wanda.`,
      },
    )
  return Array.from({ length: groups }, (_, g) => {
    const own = gram.subarray(g * columns ** 2, (g + 1) * columns ** 2)
    if (mean === undefined) return own
    const m = mean.subarray(g * columns, (g + 1) * columns)
    return own.map((value, i) => value - m[Math.floor(i / columns)]! * m[i % columns]!)
  })
}

function joined<T extends Float32Array | Float64Array>(
  type: { new (length: number): T },
  parts: readonly ArrayLike<number>[],
): T {
  const all = new type(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
