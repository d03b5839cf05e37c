import { type Model, usesOf } from '@pare/onnx'
import type { BlockSize, QuantisedForm, Quantiser } from '../choices.js'
import { findWeights } from '../find.js'
import { gridOf, type RoundingGrid } from '../grid.js'
import { widened, withFloats } from '../halves/stored-halves.js'
import { unitLargest } from '../scales.js'
import { applySmoothing, factorsAsText, type SiteFactors, withFactors } from './apply.js'
import { factorsOf } from './factors.js'
import { findSites, type SmoothSite } from './find.js'
import { type ColumnMeasuring, type ColumnReach, type ColumnStatistics, measureColumns } from './measure.js'
import { roundingError, sampleUnits } from './rounding-error.js'
import type { SmoothedValue, SmoothStep, UnsmoothedWeight } from './step.js'

export interface SmoothOptions extends ColumnMeasuring {
  /** As the weights will be rounded. */
  readonly method: Quantiser
  readonly block?: BlockSize
  /** How far what is hard to round moves from values (0) to weights (1); 'search': of each value that with the least error of its products. */
  readonly exponent: number | 'search'
}

export interface SmoothedModel {
  readonly model: Model
  /** What was done, for a plan: `applySmoothing` does it again. */
  readonly step: SmoothStep
}

/**
 * Makes weights and values easier to round: columns of a value are divided by factors, in the norm, product or constant that makes it, and rows of the weights that read it are multiplied by the same. Outputs
 * are what they were, but for rounding of floats, and zeros stay zeros. From the last value to the first, so that weights are as they will be when their own inputs are looked at.
 */
export async function smooth(stored: Model, options: SmoothOptions): Promise<SmoothedModel> {
  const model = withFloats(stored)
  const { method, block = 32, exponent } = options
  const rounded = new Map(
    findWeights(model, method, block).weights.flatMap(({ id, form }) => {
      const grid = gridOf(form, method, block)
      return grid === undefined ? [] : [[id, { form, grid }] as const]
    }),
  )
  const { sites, left } = await findSites(model, (id) => rounded.has(id))
  if (sites.length === 0) return { model: stored, step: { kind: 'smooth', values: [], left } }
  const statistics = await measureColumns(model, sites, options)
  const scalings: SiteFactors[] = []
  const values: SmoothedValue[] = []
  const unchanged: UnsmoothedWeight[] = []
  for (const [i, site] of [...sites.entries()].reverse()) {
    options.signal?.throwIfAborted()
    const chosen = await chooseFactors(withFactors(model, scalings), site, { statistics: statistics[i]!, rounded, exponent })
    const weights = site.weights.map(({ id }) => id)
    if (chosen === undefined) {
      unchanged.unshift(...weights.filter((id) => rounded.has(id)).map((id) => ({ id, reason: NO_GAIN })))
      continue
    }
    scalings.push({ site, factors: chosen.factors })
    values.unshift({ id: site.value, weights, exponent: chosen.exponent, factors: factorsAsText(chosen.factors) })
  }
  const step: SmoothStep = { kind: 'smooth', values, left: [...left, ...unchanged] }
  return { model: await applySmoothing(stored, step), step }
}

const NO_GAIN = 'with no exponent its products come nearer to what they are in floats'

interface Choice {
  readonly exponent: number
  readonly factors: Float32Array
}

interface Choosing {
  readonly statistics: ColumnStatistics
  /** How weights are rounded, by name. */
  readonly rounded: ReadonlyMap<string, { readonly form: QuantisedForm; readonly grid: RoundingGrid }>
  readonly exponent: SmoothOptions['exponent']
}

async function chooseFactors(
  model: Model,
  { columns, weights }: SmoothSite,
  { statistics, rounded, exponent }: Choosing,
): Promise<Choice | undefined> {
  const { constants } = usesOf(model.graph)
  const own = weights.flatMap(({ id, axis }) => {
    const how = rounded.get(id)
    return how === undefined ? [] : [{ tensor: widened(constants.get(id)!), axis, ...how }]
  })
  const largest = new Float64Array(columns)
  for (const { tensor, axis } of own)
    for (const [k, size] of (await unitLargest(tensor, axis)).entries()) largest[k] = Math.max(largest[k]!, size)
  const reach = reachOf(statistics, new Set(own.map(({ form }) => form)))
  const value = reach === undefined ? statistics.sizes : reach.high.map((most, k) => Math.max(most, -reach.low[k]!))
  const factorsFor = (each: number) => factorsOf({ value, weights: largest }, each, reach === undefined ? 'weights' : 'both')
  if (exponent !== 'search') return { exponent, factors: factorsFor(exponent) }
  const units = await Promise.all(own.map(({ tensor, axis, grid }) => sampleUnits(tensor, axis, grid)))
  const errorOf = (factors: Float32Array) => roundingError(statistics.rows, units, { factors, reach })
  let best: Choice | undefined
  let least = errorOf(new Float32Array(columns).fill(1))
  for (const each of EXPONENTS) {
    const factors = factorsFor(each)
    const error = errorOf(factors)
    if (error < least) [best, least] = [{ exponent: each, factors }, error]
  }
  return best
}

/** What a value is rounded to: a range for all data, or one for each batch. Undefined: weights in blocks meet values that are rounded block by block, which costs little. */
function reachOf({ whole, batch }: ColumnStatistics, forms: ReadonlySet<QuantisedForm>): ColumnReach | undefined {
  return forms.has('static') ? whole : forms.has('integers') ? batch : undefined
}

/** As AWQ's authors try them, but for 0: without any factor. */
const EXPONENTS = Array.from({ length: 19 }, (_, i) => (i + 1) / 20)
