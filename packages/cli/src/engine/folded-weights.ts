import type { FoldedModel, FoldedWeight, TiedCopy } from '@pare/core'

/** "b.weight_v, b.weight_g → b.weight_v, as Conv '/b/Conv' reads it (ReduceL2, Div, Mul)" */
export function describeFolded({ id, sources, reader, operators }: FoldedWeight): string {
  const from = sources.length === 0 ? 'nothing stored' : sources.length > MOST ? `${sources.length} tensors` : sources.join(', ')
  const by = operators.length === 0 ? 'sparse' : operators.length > MOST ? `${operators.length} operators` : operators.join(', ')
  return `${from} → ${id}, as ${reader} reads it (${by})`
}

/** More are counted only. */
const MOST = 6

/** '3 weights that the graph computes, stored now: a, b, c' */
export function summarizeFolded(weights: readonly FoldedWeight[]): string {
  const names = weights.slice(0, 3).map(({ id }) => id)
  const what =
    weights.length === 1 ? '1 value that the graph computes is' : `${weights.length} values that the graph computes are`
  return `${what} stored now: ${names.join(', ')}${weights.length > names.length ? ' …' : ''}`
}

/** Computed weights that stay so, in words. */
export function describeLeft(left: FoldedModel['left']): readonly string[] {
  return left.map(({ id, reason }) => `'${id}' stays computed and is not pruned: ${reason}`)
}

/** A weight that holds the numbers of an embedding, in words. */
export function describeTied({ weight, embedding }: TiedCopy): string {
  return `'${weight}' holds the same numbers as the embedding '${embedding}' (tied), and only '${weight}' is pruned; leave it out with --exclude '${weight}'`
}
