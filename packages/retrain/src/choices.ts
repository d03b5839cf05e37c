// What a training may be told, as lists: schemas, help and messages are made of them. Nothing heavy is imported here, so that a command line starts fast.

import { type Curve, SPARSITY_CURVES } from './curves.js'

export { DESCENTS, sparsities } from './optimizer/schedule.js'

/** How a sparsity is approached. */
export const CURVES = Object.keys(SPARSITY_CURVES) as [Curve, ...Curve[]]

/** What changes the weights by their gradients. */
export const OPTIMIZERS = ['adamw', 'sgd'] as const

/** What normalisations do with the statistics of a batch: they follow it, or keep those that they have. */
export const STATISTICS = ['follow', 'keep'] as const
