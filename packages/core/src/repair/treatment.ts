import type { UpdatedTensor } from '../apply/update.js'
import { type Request, requestId } from '../calibrate/instrument.js'
import { type SizedRequest, sized } from '../calibrate/passes.js'
import { finished, type Totals } from '../calibrate/statistics/totals.js'
import type { Moments } from './match.js'
import type { Normalization, RepairableLayer } from './repairable.js'

/** What is to be done about a layer, and what has to be measured for it. */
export type Treatment = Renewal | Match | Fit

/** Statistics of a normalisation, measured anew. */
export interface Renewal {
  readonly how: 'normalization'
  readonly of: Normalization
  /** Variance of its input. */
  readonly input: Request
}

/** Outputs with the reference's mean and deviation. */
export interface Match {
  readonly how: 'match'
  readonly of: RepairableLayer
  /** Variance of the output. */
  readonly output: Request
  /** Of the reference's. */
  readonly target: Request
}

/** A weight fitted to what the reference gives. */
export interface Fit {
  readonly how: 'refit'
  readonly of: RepairableLayer
  /** Means of x·xᵀ and x·yᵀ, x the input of the pruned model, y the output of the reference. */
  readonly gram: Request
  readonly cross: Request
  /** Means of x and y. */
  readonly x: Request
  readonly y: Request
}

/** What was done about a layer. */
export interface LayerRepair {
  readonly how: Treatment['how'] | 'nothing'
  /** The layer that took the place of removed blocks: first output of its node. */
  readonly layer?: string
  readonly tensors: readonly UpdatedTensor[]
  readonly notes: readonly string[]
}

/** What one pass over the data found. */
export interface Measurements {
  values(request: Request): Float64Array
  moments(request: Request): Moments
}

function requestsOf(treatment: Treatment): readonly Request[] {
  switch (treatment.how) {
    case 'normalization':
      return [treatment.input]
    case 'match':
      return [treatment.output, treatment.target]
    case 'refit':
      return [treatment.gram, treatment.cross, treatment.x, treatment.y]
    default:
      return treatment satisfies never
  }
}

/** The same with what they take. A number for each channel is nothing. */
export function sizedRequests(treatment: Treatment): SizedRequest[] {
  const { of } = treatment
  return requestsOf(treatment).map((request) => (of.kind === 'layer' ? sized(of.weight, request) : { ...request, bytes: 0 }))
}

export function measurementsOf(totals: ReadonlyMap<string, Totals>): Measurements {
  const of = (request: Request) => totals.get(requestId(request))!
  const values = (request: Request) => finished(request.statistic.reduce, of(request))
  return { values, moments: (request) => ({ mean: of(request).values, variance: values(request) }) }
}
