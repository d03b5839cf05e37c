/** Which file's turn it is: the one that is the furthest behind its share. Without end. */
export function* turnsOf(weights: readonly number[]): Generator<number, never> {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const taken = weights.map(() => 0)
  for (let count = 1; ; count++) {
    const behind = weights.map((weight, i) => (weight / total) * count - taken[i]!)
    const next = behind.indexOf(Math.max(...behind))
    taken[next]!++
    yield next
  }
}

/** How many of the first so many mixed samples are of each file. */
export function mixedCounts(weights: readonly number[], samples: number): number[] {
  const counts = weights.map(() => 0)
  const turns = turnsOf(weights)
  for (let i = 0; i < samples; i++) counts[turns.next().value]!++
  return counts
}
