// What a step may say, as lists: schemas, help and messages are made of them. Nothing is imported here, so that a command line starts fast.

/** What is ranked together. */
export const SCOPES = ['row', 'tensor', 'group', 'global'] as const

/** How the saliencies of a unit's elements become its score. */
export const NORMS = ['l1', 'l2', 'mean', 'max'] as const

/** What a budget may limit. */
export const BUDGETS = ['macs', 'parameters', 'bytes', 'latency'] as const

/** Ways to spread a sparsity over weights that need no more than their name. */
export const ALLOCATIONS = ['uniform', 'erk', 'owl', 'fisher', 'search'] as const

/** Ways to make saliencies comparable between weights. */
export const NORMALIZATIONS = ['lamp'] as const
