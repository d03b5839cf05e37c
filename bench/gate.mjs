// node bench/gate.mjs [--quick] [--trials 400] [--most 5000 samples] [--change 0.05,0.02] [--shape 2000,50,0.5: samples, size, icc] [family …] (after a build): how often the 95 % interval of the gate holds the true drop, and how often
// a drop that equals its limit passes with 95 % certainty, over samples that stand alone and that belong together. `refused`: the gate says
// that there are too few groups. Families: proportion, mean, skewed, ratio, perplexity, f1, auc; and family-wise, the gate over ten slices; latency, a model beside
// itself [--busy: while a core is burnt] [--seconds 2] [--threads 1] [--model FILE].
import { parseArgs } from 'node:util'
import { judge } from '@pare/gate'
import { FAMILIES } from './gate/families.mjs'
import { familyWise } from './gate/family-wise.mjs'
import { grouped, random } from './gate/groups.mjs'
import { latency } from './gate/latency.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean' },
    most: { type: 'string' },
    change: { type: 'string' },
    shape: { type: 'string' },
    trials: { type: 'string' },
    busy: { type: 'boolean' },
    seconds: { type: 'string' },
    threads: { type: 'string' },
    model: { type: 'string' },
  },
})
const trials = Number(values.trials ?? (values.quick ? 100 : 400))
const shapes = values.quick
  ? [
      [50, 1, 0],
      [400, 10, 0.1],
      [400, 50, 0.3],
    ]
  : [
      [50, 1, 0],
      [500, 1, 0],
      [5000, 1, 0],
      [50, 5, 0],
      [50, 5, 0.5],
      [200, 5, 0.1],
      [200, 20, 0.1],
      [500, 5, 0.1],
      [500, 20, 0],
      [500, 20, 0.1],
      [500, 50, 0.5],
      [2000, 50, 0.02],
      [2000, 50, 0.1],
      [2000, 50, 0.5],
      [5000, 50, 0],
      [5000, 50, 0.1],
      [5000, 10, 0.5],
    ]
const wanted = positionals.length > 0 ? positionals : [...Object.keys(FAMILIES), 'family-wise']
for (const name of wanted) {
  if (name === 'family-wise') {
    familyWise(trials)
    continue
  }
  if (name === 'latency') {
    await latency(values.trials === undefined ? 20 : trials, { ...values, seconds: Number(values.seconds ?? 2) })
    continue
  }
  const fitting = shapes.filter(
    (shape) => shape[0] <= Number(values.most ?? 5000) && String(shape) === (values.shape ?? String(shape)),
  )
  for (const change of FAMILIES[name].changes.filter((one) => String(one) === (values.change ?? String(one))))
    for (const [n, size, icc] of fitting) console.log(line(cell(FAMILIES[name], { name, change, n, size, icc })))
}

/** 'ratio 0.05,0.02  n 500  size 50  icc 0.5  covered 97.0 %  …'. */
function line(row) {
  return Object.entries(row)
    .map(([key, value]) => `${key} ${String(value).padEnd(key === 'change' ? 12 : 7)}`)
    .join(' ')
}

/** Coverage and false passes of one cell. */
function cell(family, { name, change, n, size, icc }) {
  const next = random(`${name} ${change} ${n} ${size} ${icc}`)
  let [covered, passed, refused, width] = [0, 0, 0, 0]
  for (let trial = 0; trial < trials; trial++) {
    const group = grouped(n, size, next)
    const { reference, pruned, truth, limits } = family.draw({ change, icc, group, next })
    const facts = { slices: [], group: { by: 'group', names: [], of: group } }
    const aggregate = family.aggregate
    const allowed = limits(truth)
    const { verdict, drop } = judge({
      reference,
      pruned,
      limits: { maxDrop: allowed, certainty: 0.95, allowWorthlessReference: true },
      facts,
      aggregate,
    })
    if (verdict === 'incomplete') {
      refused++
      continue
    }
    const [low, high] = drop.interval
    const target = truth(reference)
    width += high - low
    if (low <= target && target <= high) covered++
    if (verdict === 'pass') passed++
  }
  const judged = trials - refused
  const share = (count) => (judged === 0 ? '' : `${((100 * count) / judged).toFixed(1)} %`)
  const isShort = judged > 0 && covered / judged < 0.94 - 2 * Math.sqrt((0.06 * 0.94) / judged)
  const isLax = judged > 0 && passed / judged > 0.05 + 2 * Math.sqrt((0.05 * 0.95) / judged)
  return {
    family: name,
    change,
    n,
    size,
    icc,
    covered: share(covered),
    passes: share(passed),
    width: judged && (width / judged).toPrecision(2),
    refused,
    '': `${isShort ? 'SHORT ' : ''}${isLax ? 'LAX' : ''}`,
  }
}
