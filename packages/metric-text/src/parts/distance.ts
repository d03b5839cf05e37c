/** Insertions, deletions and replacements that make one list the other (Levenshtein). Takes time and not memory by the product of their lengths. */
export function editDistance<Item>(from: readonly Item[], to: readonly Item[]): number {
  let row = Array.from({ length: to.length + 1 }, (_, j) => j)
  for (const [i, item] of from.entries()) {
    const next = [i + 1]
    for (let j = 0; j < to.length; j++) {
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + Number(item !== to[j])))
    }
    row = next
  }
  return row[to.length]!
}

/** Length of the longest list that is within both, in order and with gaps. */
export function longestCommon<Item>(a: readonly Item[], b: readonly Item[]): number {
  let row = new Array<number>(b.length + 1).fill(0)
  for (const item of a) {
    const next = [0]
    for (let j = 0; j < b.length; j++) next.push(item === b[j] ? row[j]! + 1 : Math.max(row[j + 1]!, next[j]!))
    row = next
  }
  return row[b.length]!
}

export function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}
