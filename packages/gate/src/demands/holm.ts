/** p-values corrected for how many there are, so that the chance of any below 0.05 is 0.05 where all null hypotheses hold (Holm 1979), in their order. */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((_, i) => i).sort((a, b) => ps[a]! - ps[b]!)
  const corrected = new Array<number>(ps.length)
  let largest = 0
  for (const [rank, i] of order.entries()) {
    largest = Math.max(largest, Math.min(1, (ps.length - rank) * ps[i]!))
    corrected[i] = largest
  }
  return corrected
}
