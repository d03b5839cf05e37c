import { betaCdf, formatCount, plural, share } from '@pare/gate'
import type { ClassResult } from './fields.js'

/** Classes with fewer right answers before are told of together: one unlucky sample is no news. */
const FEW = 5
/** Classes that are named. */
const MOST_NAMED = 5
const LEVEL = 0.05

/** Whether the model had right answers for a class, and has none any more. */
export function isLost({ right }: ClassResult): boolean {
  return right.before > 0 && right.after === 0
}

/**
 * Whether a class lost more samples than chance explains: P(X ≥ lost) of a fair coin thrown for each sample that changed sides, the exact one-sided
 * McNemar test, corrected by Bonferroni for all classes.
 */
export function fellBeyondChance({ lost, gained }: ClassResult, classes: number): boolean {
  return lost > gained && betaCdf(0.5, lost, gained + 1) * classes < LEVEL
}

/** What the metric of all samples hides about classes, in sentences: those that are lost, then those that fell beyond chance. */
export function classFindings(classes: readonly ClassResult[]): string[] {
  const lost = classes.filter(isLost)
  const large = lost.filter(({ right }) => right.before >= FEW).sort((a, b) => b.right.before - a.right.before)
  const judged = classes.filter(({ samples }) => samples > 0).length
  const fell = classes.filter((one) => !isLost(one) && fellBeyondChance(one, judged)).sort(byShareLost)
  return [lostText(large), fewText(lost.length - large.length), fellText(fell)].filter((text) => text !== undefined)
}

function lostText(lost: readonly ClassResult[]): string | undefined {
  const [first, second] = lost
  if (first === undefined) return undefined
  const { name, samples, right } = first
  if (second === undefined) {
    const all =
      samples === right.before ? `all ${formatCount(samples)}` : `${formatCount(right.before)} of ${formatCount(samples)}`
    return `Class ${name} is lost: ${all} samples were answered rightly before pruning, none is now.`
  }
  const list = lost.map((one) => `${one.name} (${formatCount(one.right.before)} of ${formatCount(one.samples)} right before)`)
  return `${formatCount(lost.length)} classes are lost, with no right answer any more: ${shortened(list)}.`
}

function fewText(count: number): string | undefined {
  if (count === 0) return undefined
  const [classes, have] = count === 1 ? ['class', 'has'] : ['classes', 'have']
  return `${formatCount(count)} ${classes} of which fewer than ${FEW} samples were right ${have} no right answer any more.`
}

function fellText(fell: readonly ClassResult[]): string | undefined {
  if (fell.length === 0) return undefined
  const list = fell.map(
    ({ name, samples, share: right }) =>
      `${name} (${share(right!.before)} right before, ${share(right!.after)} now, of ${plural(samples, 'sample')})`,
  )
  return `${fell.length === 1 ? 'A class' : `${formatCount(fell.length)} classes`} fell by more than chance explains: ${shortened(list)}.`
}

function shortened(list: readonly string[]): string {
  const more = list.length - MOST_NAMED
  return list.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${formatCount(more)} more` : '')
}

/** Classes that changed, those that lost the largest share first. */
export function changedClasses(classes: readonly ClassResult[] = []): ClassResult[] {
  return classes.filter(({ lost, gained }) => lost + gained > 0).sort(byShareLost)
}

/** '2: 9 → 0 of 9 right' */
export function classChangeText({ name, samples, right }: ClassResult): string {
  return `${name}: ${formatCount(right.before)} → ${formatCount(right.after)} of ${formatCount(samples)} right`
}

function byShareLost(a: ClassResult, b: ClassResult): number {
  const fall = ({ share: right }: ClassResult) => right!.before - right!.after
  return fall(b) - fall(a)
}
