import { defineMetric } from '@pare/metric'

/** Characters in a row, up to so many. */
const ORDER = 6
/** How much more recall counts than precision. */
const BETA = 2

export const chrf = defineMetric({
  name: 'chrf',
  formula: 'F₂ of the mean precision and recall over n = 1…6 of the n-grams of characters, spaces aside, of all samples together',
  create: () => ({
    better: 'higher',
    bounded: true,
    needs: { read: 'text' },
    /** For each n the n-grams that both have, those of the answer and those expected. */
    of({ text }) {
      const ways = text!.expected.map((way) => countsOf(text!.answer, way))
      return ways.sort((a, b) => scoreOf(b) - scoreOf(a))[0]
    },
    combine(records, weights) {
      const sums = new Float64Array(3 * ORDER)
      for (const [i, record] of records.entries()) {
        for (const [at, count] of record.entries()) sums[at]! += (weights?.[i] ?? 1) * count
      }
      return scoreOf(sums)
    },
  }),
})

/** As sacreBLEU: n-grams that neither text is long enough for do not count. */
function scoreOf(counts: ArrayLike<number>): number {
  let [precision, recall, orders] = [0, 0, 0]
  for (let n = 0; n < ORDER; n++) {
    const [same, own, expected] = [counts[3 * n]!, counts[3 * n + 1]!, counts[3 * n + 2]!]
    if (own === 0 || expected === 0) continue
    precision += same / own
    recall += same / expected
    orders++
  }
  if (precision + recall === 0) return 0
  const [p, r] = [precision / orders, recall / orders]
  return ((1 + BETA ** 2) * p * r) / (BETA ** 2 * p + r)
}

function countsOf(answer: string, expected: string): number[] {
  const [own, other] = [answer, expected].map((text) => [...text.replace(/\s+/g, '')]) as [string[], string[]]
  return Array.from({ length: ORDER }, (_, i) => {
    const [mine, theirs] = [gramsOf(own, i + 1), gramsOf(other, i + 1)]
    let same = 0
    for (const [gram, count] of mine) same += Math.min(count, theirs.get(gram) ?? 0)
    return [same, Math.max(0, own.length - i), Math.max(0, other.length - i)]
  }).flat()
}

function gramsOf(characters: readonly string[], n: number): ReadonlyMap<string, number> {
  const grams = new Map<string, number>()
  for (let at = 0; at + n <= characters.length; at++) {
    const gram = characters.slice(at, at + n).join('')
    grams.set(gram, (grams.get(gram) ?? 0) + 1)
  }
  return grams
}
