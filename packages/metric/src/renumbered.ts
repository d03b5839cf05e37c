import type { LabelNumbering } from '@pare/gate'

/** A numbering is named where so many answers would be right with it, and at least twice as many as are. */
const GOOD = 0.75

/** Samples for each class that a one-to-one numbering needs: with fewer one is found for answers that are chance. */
const SAMPLES_PER_CLASS = 5

/** More changes than this are counted, not listed. */
const MOST_LISTED = 8

/** Classes that the model gave, out of how many, and the labels of the same samples. */
export interface Answers {
  readonly labels: readonly number[]
  readonly answers: readonly number[]
  readonly classes: number
}

/**
 * Numbers for the labels with which the answers would be right: one more or less each (the last becoming the first, and the other way round), or
 * the classes in another order. Undefined: none, or they are right as they are.
 */
export function renumberedLabels({ labels, answers, classes }: Answers): LabelNumbering | undefined {
  const own = share(labels, answers, (label) => label)
  const better = (accuracy: number) => accuracy >= GOOD && accuracy >= 2 * own
  const shifts = [1, -1].map((by) => {
    const edge = by > 0 ? classes - 1 : 0
    const wraps = labels.includes(edge) ? ` (and ${edge} → ${classes - 1 - edge})` : ''
    const accuracy = share(labels, answers, (label) => (label + by + classes) % classes)
    return { how: `labels ${by > 0 ? '+' : '−'} 1${wraps}`, accuracy }
  })
  const [shift] = shifts.filter(({ accuracy }) => better(accuracy)).sort((a, b) => b.accuracy - a.accuracy)
  if (shift !== undefined) return shift
  const order = matching(labels, answers)
  if (labels.length < SAMPLES_PER_CLASS * order.size) return undefined
  const accuracy = share(labels, answers, (label) => order.get(label))
  return better(accuracy) ? { how: describeOrder(order), accuracy } : undefined
}

function share(labels: readonly number[], answers: readonly number[], to: (label: number) => number | undefined): number {
  let right = 0
  for (const [i, label] of labels.entries()) if (to(label) === answers[i]) right++
  return right / labels.length
}

/** For each label another class, each class once: the pairs that occur most often come first. */
function matching(labels: readonly number[], answers: readonly number[]): ReadonlyMap<number, number> {
  const pairs = new Map<string, { label: number; answer: number; count: number }>()
  for (const [i, label] of labels.entries()) {
    const key = `${label}:${answers[i]}`
    const pair = pairs.get(key) ?? { label, answer: answers[i]!, count: 0 }
    pair.count++
    pairs.set(key, pair)
  }
  const order = new Map<number, number>()
  const targets = new Set<number>()
  for (const { label, answer } of [...pairs.values()].sort((a, b) => b.count - a.count || a.label - b.label)) {
    if (order.has(label) || targets.has(answer)) continue
    order.set(label, answer)
    targets.add(answer)
  }
  return order
}

/** 'labels in another order (0 → 2, 1 → 0, 2 → 1)' */
function describeOrder(order: ReadonlyMap<number, number>): string {
  const changes = [...order].filter(([label, answer]) => label !== answer).sort(([a], [b]) => a - b)
  const pairs = changes.slice(0, MOST_LISTED).map(([label, answer]) => `${label} → ${answer}`)
  const rest = changes.length > MOST_LISTED ? `, and ${changes.length - MOST_LISTED} more` : ''
  return `labels in another order (${pairs.join(', ')}${rest})`
}
