import { type Grouping, membersOf } from './groups.js'
import { type Bounds, fewGroups, outer, quantile, random, resamples } from './statistics/bootstrap.js'
import { clusteredInterval, tallyGroups } from './statistics/clustered.js'
import { blocksOf, type Jackknife, jackknife } from './statistics/jackknife.js'

/** True classes and what two models answered, as indices 0 … classes − 1. */
interface Answers {
  readonly label: Int32Array
  readonly reference: Int32Array
  readonly pruned: Int32Array
  readonly classes: number
}

/** Mean over classes of 2·TP ÷ (2·TP + FP + FN); classes that occur neither as label nor as prediction do not count. */
export function macroF1(label: readonly number[], predicted: readonly number[]): number {
  const { label: labels, reference, classes } = indexed(label, predicted, predicted)
  return f1Of(labels, reference, classes)
}

function f1Of(label: Int32Array, answers: Int32Array, classes: number): number {
  const counts = new Confusion(classes)
  for (let i = 0; i < label.length; i++) counts.add(label[i]!, answers[i]!)
  return counts.f1()
}

/**
 * The drop of macro F1, and its interval by the percentile bootstrap over samples. Two imagined samples join what is drawn from: one that only
 * the reference gets right, one that only the pruned model does, of random class. They are to F1 what the added ½ counts of Bonett and
 * Price (2012) are to proportions: without them two models that never differ would have an interval of width 0.
 */
export function f1Bounds(
  label: readonly number[],
  reference: readonly number[],
  pruned: readonly number[],
  seed = 1,
): { drop: number; bounds: Bounds } {
  const answers = indexed(label, reference, pruned)
  const drops = new Float64Array(resamples(label.length))
  const next = random(seed)
  for (let b = 0; b < drops.length; b++) drops[b] = resampledDrop(answers, next)
  drops.sort()
  const drop = macroF1(label, reference) - macroF1(label, pruned)
  const bounds: Bounds = (level) => {
    const tail = (1 - level) / 2
    return [Math.min(drop, quantile(drops, tail)), Math.max(drop, quantile(drops, 1 - tail))]
  }
  return { drop, bounds }
}

/**
 * The same over groups, which are drawn whole. The imagined ones, too, are groups, of which as many samples are lost or gained as there are differing samples in
 * the group that a differing sample finds itself in; all of a group's, where no sample differs. Widened by Student's t for few groups, and never narrower than the jackknife's.
 * Where few groups lost or gained much, none of these sees the groups that were not drawn: it also reaches as far as the interval of right answers lost and gained, in units of its own error.
 */
export function clusteredF1Bounds(
  label: readonly number[],
  reference: readonly number[],
  pruned: readonly number[],
  grouping: Grouping,
  seed = 1,
): { drop: number; bounds: Bounds } {
  const answers = indexed(label, reference, pruned)
  const members = membersOf(grouping)
  const differing = members.map((own) => own.reduce((total, i) => total + Number(reference[i] !== pruned[i]), 0))
  const [differ, squares] = [sum(differing), sum(differing.map((count) => count * count))]
  const imagined = Math.round((squares + label.length / grouping.effective) / (differ + 1))
  const drops = new Float64Array(resamples(label.length))
  const next = random(seed)
  for (let b = 0; b < drops.length; b++) drops[b] = resampledGroups(answers, { members, imagined }, next)
  drops.sort()
  const drop = macroF1(label, reference) - macroF1(label, pruned)
  const inflation = fewGroups(grouping.effective)
  const without = dropsWithout(answers, blocksOf(members))
  const [own, ofAnswers] = [without.f1, without.accuracy].map((drops) => jackknife(drop, drops, grouping.effective)) as Both
  const right = (answered: readonly number[]) => answered.map((one, i) => Number(one === label[i]))
  const groups = tallyGroups(right(reference), right(pruned), grouping)
  const lost = (sum([...groups.lost]) - sum([...groups.gained])) / label.length
  const scale = ofAnswers.error > 0 ? own.error / ofAnswers.error : 0
  const bounds: Bounds = (level) => {
    const tail = (1 - level) / 2
    const reach = (p: number) => (quantile(drops, p) - drop) * inflation(tail)
    const [low, high] = clusteredInterval(groups, level).map((limit) => drop + (limit - lost) * scale) as Limits
    return outer(outer([drop + reach(tail), drop + reach(1 - tail)], own.bounds(level)), [low, high])
  }
  return { drop, bounds }
}

type Both = [Jackknife, Jackknife]
type Limits = ReturnType<Bounds>

/** The drops of macro F1 and of accuracy without each block of samples. */
function dropsWithout({ label, reference, pruned, classes }: Answers, blocks: readonly Int32Array[]) {
  const [before, after] = [new Confusion(classes), new Confusion(classes)]
  const count = (i: number, times: 1 | -1) => {
    before.add(label[i]!, reference[i]!, times)
    after.add(label[i]!, pruned[i]!, times)
  }
  for (let i = 0; i < label.length; i++) count(i, 1)
  const [f1, accuracy] = [new Float64Array(blocks.length), new Float64Array(blocks.length)]
  for (const [b, block] of blocks.entries()) {
    for (const i of block) count(i, -1)
    f1[b] = before.f1() - after.f1()
    accuracy[b] = before.accuracy() - after.accuracy()
    for (const i of block) count(i, 1)
  }
  return { f1, accuracy }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** Shuffles of the answers that are tried: the smallest chance they can show is 1 in 200. */
const SHUFFLES = 199

/**
 * How often the same answers, given to other samples, make as large an F1: a guess among many classes already beats a constant answer. Groups of samples
 * change places whole: the answers of all groups, one after the other, are given to the groups in another order.
 */
export function chanceOfF1(
  label: readonly number[],
  predicted: readonly number[],
  members: readonly Int32Array[] = label.map((_, i) => Int32Array.of(i)),
  seed = 1,
): number {
  const { label: labels, reference, classes } = indexed(label, predicted, predicted)
  const next = random(seed)
  const own = f1Of(labels, reference, classes)
  const places = members.flatMap((group) => [...group])
  const order = [...members]
  const answers = new Int32Array(reference.length)
  let asLarge = 1
  for (let round = 0; round < SHUFFLES; round++) {
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(next() * (i + 1))
      const group = order[i]!
      order[i] = order[j]!
      order[j] = group
    }
    let at = 0
    for (const group of order) for (const i of group) answers[places[at++]!] = reference[i]!
    if (f1Of(labels, answers, classes) >= own) asLarge++
  }
  return asLarge / (SHUFFLES + 1)
}

function resampledDrop({ label, reference, pruned, classes }: Answers, next: () => number): number {
  const n = label.length
  const before = new Confusion(classes)
  const after = new Confusion(classes)
  for (let i = 0; i < n; i++) {
    const at = Math.floor(next() * (n + 2))
    if (at < n) {
      before.add(label[at]!, reference[at]!)
      after.add(label[at]!, pruned[at]!)
    } else {
      const truth = label[Math.floor(next() * n)]!
      const wrong = (truth + 1 + Math.floor(next() * (classes - 1))) % classes
      before.add(truth, at === n ? truth : wrong)
      after.add(truth, at === n ? wrong : truth)
    }
  }
  return before.f1() - after.f1()
}

interface Drawn {
  readonly members: readonly Int32Array[]
  /** Samples of an imagined group that only one model gets right. */
  readonly imagined: number
}

function resampledGroups(
  { label, reference, pruned, classes }: Answers,
  { members, imagined }: Drawn,
  next: () => number,
): number {
  const before = new Confusion(classes)
  const after = new Confusion(classes)
  const count = members.length
  for (let g = 0; g < count; g++) {
    const at = Math.floor(next() * (count + 2))
    if (at < count) {
      for (const i of members[at]!) {
        before.add(label[i]!, reference[i]!)
        after.add(label[i]!, pruned[i]!)
      }
      continue
    }
    for (let k = 0; k < imagined; k++) {
      const truth = label[Math.floor(next() * label.length)]!
      const wrong = (truth + 1 + Math.floor(next() * (classes - 1))) % classes
      before.add(truth, at === count ? truth : wrong)
      after.add(truth, at === count ? wrong : truth)
    }
  }
  return before.f1() - after.f1()
}

/** Right answers, and how often each class was the label or the answer. 2·TP + FP + FN is the sum of the latter two. */
class Confusion {
  readonly #right: Float64Array
  readonly #seen: Float64Array

  constructor(classes: number) {
    this.#right = new Float64Array(classes)
    this.#seen = new Float64Array(classes)
  }

  /** `times` −1 takes a sample back. */
  add(label: number, predicted: number, times: 1 | -1 = 1): void {
    if (label === predicted) this.#right[label]! += times
    this.#seen[label]! += times
    this.#seen[predicted]! += times
  }

  /** Each sample is seen twice: as label and as answer. */
  accuracy(): number {
    return (2 * this.#right.reduce((a, b) => a + b, 0)) / this.#seen.reduce((a, b) => a + b, 0)
  }

  f1(): number {
    let total = 0
    let occurring = 0
    for (let c = 0; c < this.#seen.length; c++) {
      if (this.#seen[c] === 0) continue
      total += (2 * this.#right[c]!) / this.#seen[c]!
      occurring++
    }
    return total / occurring
  }
}

function indexed(label: readonly number[], reference: readonly number[], pruned: readonly number[]): Answers {
  const index = new Map<number, number>()
  const of = (value: number) => {
    if (!index.has(value)) index.set(value, index.size)
    return index.get(value)!
  }
  const [labels, references, pruneds] = [label, reference, pruned].map((values) => Int32Array.from(values, of))
  // At least two classes, so that there is a wrong answer to imagine.
  return { label: labels!, reference: references!, pruned: pruneds!, classes: Math.max(2, index.size) }
}
