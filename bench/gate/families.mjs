import { valueFrom } from '@pare/gate'
import { auc } from '@pare/metric-class/auc'
import { effects, normal, random, rates } from './groups.mjs'

const exact = (truth) => truth()
const areaOf = auc().combine
const measured = (metric, samples, { better = 'higher', bounded = true, aggregate } = {}) => ({
  metric,
  better,
  bounded,
  value: valueFrom(samples, aggregate),
  samples,
})

/** Right (1) or wrong (0) of both models: `change` is [share that is lost, share that is gained]. */
function flips([lost, gained], { icc, group, next }) {
  const groups = group.at(-1) + 1
  const losing = rates(lost, { icc, groups, next })
  // Of what is not lost, so that both together never exceed 1 and their means are exact.
  const gaining = rates(gained / (1 - lost), { icc, groups, next })
  return group.map((g) => {
    const at = next()
    const [p, q] = [losing[g], (1 - losing[g]) * gaining[g]]
    return at < p ? [1, 0] : at < p + q ? [0, 1] : [1, 1]
  })
}

const proportion = {
  changes: [
    [0.002, 0.002],
    [0.02, 0.01],
    [0.1, 0.1],
    [0.15, 0.05],
  ],
  draw({ change, ...place }) {
    const both = flips(change, place)
    const side = (which) => measured('accuracy', { kind: 'proportion', correct: both.map((one) => one[which]) })
    const truth = () => change[0] - change[1]
    return { reference: side(0), pruned: side(1), truth, limits: exact }
  },
}

const mean = (shape, center) => ({
  changes: [1],
  draw({ change, icc, group, next }) {
    const noise = effects({ icc, group, next, shape })
    const reference = measured('mse', { kind: 'mean', values: group.map(() => 10) }, { better: 'lower', bounded: false })
    const pruned = measured(
      'mse',
      { kind: 'mean', values: noise.map((one) => 10 + change * one) },
      { better: 'lower', bounded: false },
    )
    const truth = () => change * center(icc)
    return { reference, pruned, truth, limits: () => ({ relative: (change * center(icc)) / 10 }) }
  },
})
const exponential = (next) => -Math.log(1 - next())

const ratio = {
  changes: [
    [0.002, 0.002],
    [0.05, 0.02],
  ],
  draw({ change: [lost, gained], icc, group, next }) {
    const groups = group.at(-1) + 1
    const [losing, gaining] = [lost, gained].map((one) => rates(one, { icc, groups, next }))
    const counts = group.map(() => 5 + Math.floor(30 * next()))
    const times = (count, rate) => Array.from({ length: count }, () => Number(next() < rate)).reduce((a, b) => a + b, 0)
    const before = counts.map((count) => Math.round(count * 0.9))
    const after = counts.map((count, i) => before[i] - times(count, losing[group[i]]) + times(count, gaining[group[i]]))
    const side = (sums) => measured('token-accuracy', { kind: 'ratio', sums, counts })
    return { reference: side(before), pruned: side(after), truth: () => lost - gained, limits: exact }
  },
}

const perplexity = {
  changes: [0.02],
  draw({ change, icc, group, next }) {
    const counts = group.map(() => 20 + Math.floor(100 * next()))
    const noise = effects({ icc, group, next })
    const sums = counts.map((count) => count * (3 + 0.3 * normal(next)))
    const after = counts.map((count, i) => sums[i] + count * (change + 0.05 * noise[i]))
    const side = (sums) => measured('perplexity', { kind: 'perplexity', sums, counts }, { better: 'lower', bounded: false })
    const truth = (reference) => reference.value * Math.expm1(change)
    return { reference: side(sums), pruned: side(after), truth, limits: () => ({ relative: Math.expm1(change) }) }
  },
}

/** Labels of `classes`, the last one rare, in which groups differ; each model's errors are uniform over the others. */
function answers(change, { icc, group, next }, classes) {
  const groups = group.at(-1) + 1
  const favourite = Array.from({ length: groups }, () => Math.floor(classes * next()))
  const label = group.map((g) => (next() < icc ? favourite[g] : Math.floor(classes * next())))
  const other = (one) => (one + 1 + Math.floor((classes - 1) * next())) % classes
  const both = flips(change, { icc, group, next })
  const hard = label.map(() => next() < 0.1)
  const side = (which) =>
    label.map((one, i) => (both[i][which] === 1 && !(hard[i] && both[i][0] === both[i][1]) ? one : other(one)))
  return { label, before: side(0), after: side(1) }
}

/** The true drop: that of two million samples. */
const truths = new Map()
function trueDrop(key, draw) {
  if (!truths.has(key)) {
    let total = 0
    const next = random(key)
    for (let part = 0; part < 10; part++) total += draw(next)
    truths.set(key, total / 10)
  }
  return truths.get(key)
}

const f1 = {
  changes: [
    [0.002, 0.002],
    [0.06, 0.02],
  ],
  draw({ change, icc, group, next }) {
    const drawn = answers(change, { icc, group, next }, 4)
    const side = ({ label }, predicted) => measured('f1', { kind: 'f1', predicted, label })
    const alone = Array.from({ length: 40_000 }, (_, i) => i)
    const truth = () =>
      trueDrop(`f1 ${change}`, (next) => {
        const large = answers(change, { icc: 0, group: alone, next }, 4)
        return side(large, large.before).value - side(large, large.after).value
      })
    return { reference: side(drawn, drawn.before), pruned: side(drawn, drawn.after), truth, limits: exact }
  },
}

function scores(change, { icc, group, next }) {
  const label = group.map(() => Number(next() < 0.3))
  const [own, harm] = [effects({ icc, group, next }), effects({ icc, group, next })]
  // Records as the metric makes them: the label, and a score for each of two classes.
  const before = label.map((one, i) => [one, 0, 1.5 * one + own[i]])
  return { before, after: before.map(([one, , score], i) => [one, 0, score + change * harm[i]]) }
}

const ofScores = {
  changes: [0.1, 0.5],
  aggregate: areaOf,
  draw({ change, icc, group, next }) {
    const { before, after } = scores(change, { icc, group, next })
    const side = (records) => measured('auc', { kind: 'records', records }, { aggregate: areaOf })
    const alone = Array.from({ length: 40_000 }, (_, i) => i)
    const truth = () =>
      trueDrop(`auc ${change}`, (next) => {
        const large = scores(change, { icc: 0, group: alone, next })
        return areaOf(large.before) - areaOf(large.after)
      })
    return { reference: side(before), pruned: side(after), truth, limits: exact }
  },
}

export const FAMILIES = {
  proportion,
  mean: mean(normal, () => 0),
  skewed: mean(exponential, (icc) => Math.sqrt(icc) + Math.sqrt(1 - icc)),
  ratio,
  perplexity,
  f1,
  auc: ofScores,
}
