/** Units change places, in all tensors that have them: the model computes the same, and its weights fit a pattern better. */
export interface PermuteStep {
  readonly kind: 'permute'
  readonly structure: string
  readonly criterion: string
  readonly groups: readonly PermutedGroup[]
}

export interface PermutedGroup {
  readonly id: string
  readonly units: number
  /** Unit order[i] comes to place i. */
  readonly order: readonly number[]
  /** Saliency that the pattern keeps of the weights that sum over these units, as a share of all their saliency. */
  readonly kept: { readonly before: number; readonly after: number }
  /** Why the search ended: nothing better was found, or as many pairs as allowed were tried, or the time was up. Only then may another run differ. */
  readonly ended: 'settled' | 'tries' | 'time'
}
