/** The sparsity between `from` and `to` at `t`, the share of the steps that is done, from 0 to below 1. */
type SparsityCurve = (at: { readonly from: number; readonly to: number; readonly t: number }) => number

/**
 * The ways from one sparsity to another, by name. 'cubic' prunes most at first (Zhu & Gupta 2017, arXiv 1710.01878). 'exponential': each step keeps the same
 * share of what is left. Toward sparsity 1 nothing is left to keep a share of: that curve ends at a density of 0.001 and goes to 0 with the last step.
 */
export const SPARSITY_CURVES = {
  cubic: ({ from, to, t }) => to + (from - to) * (1 - t) ** 3,
  linear: ({ from, to, t }) => from + (to - from) * t,
  exponential: ({ from, to, t }) => 1 - (1 - from) ** (1 - t) * Math.max(1 - to, 0.001) ** t,
} satisfies Readonly<Record<string, SparsityCurve>>

export type Curve = keyof typeof SPARSITY_CURVES
