import { judgeDemands, valueFrom } from '@pare/gate'
import { random, rates } from './groups.mjs'

const SLICES = 10

/** How often the gate over ten slices fails a model that keeps every limit, and with certainty how often it passes one whose last slice is at its limit. */
export function familyWise(trials) {
  const rows = []
  for (const [n, size, icc] of [
    [100, 1, 0],
    [400, 1, 0],
    [400, 10, 0.2],
  ]) {
    const next = random(`family-wise ${n} ${size}`)
    let [failed, passed] = [0, 0]
    for (let trial = 0; trial < trials; trial++) {
      if (verdictOf({ n, size, icc, next, lost: () => 0.06 }, {}) === 'fail') failed++
      if (
        verdictOf({ n, size, icc, next, lost: (slice) => (slice === SLICES - 1 ? 0.06 : 0.02) }, { certainty: 0.95 }) === 'pass'
      )
        passed++
    }
    const share = (count) => `${((100 * count) / trials).toFixed(1)} %`
    rows.push({
      'samples a slice': n,
      size,
      icc,
      'fails though all limits are kept': share(failed),
      'passes, 95 % certain, though one is at its limit': share(passed),
    })
  }
  console.table(rows)
}

/** Of ten slices, in each of which 2 % of the samples are gained; allowed is a drop of 0.04. */
function verdictOf({ n, size, icc, next, lost }, limits) {
  const [before, after, slice, group] = [[], [], [], []]
  for (let s = 0; s < SLICES; s++) {
    const groups = Math.ceil(n / size)
    const losing = rates(lost(s), { icc, groups, next })
    for (let i = 0; i < n; i++) {
      const at = next()
      const rate = losing[Math.floor(i / size)]
      before.push(Number(at < rate || at >= rate + 0.02))
      after.push(Number(at >= rate))
      slice.push(s)
      group.push(s * groups + Math.floor(i / size))
    }
  }
  const side = (correct) => {
    const samples = { kind: 'proportion', correct }
    return { metric: 'accuracy', value: valueFrom(samples), better: 'higher', bounded: true, samples }
  }
  const names = Array.from({ length: SLICES }, (_, s) => `s${s}`)
  const facts = { group: { by: 'group', names: [], of: group }, slices: [{ by: 'slice', names, of: slice }] }
  const demands = [{ by: 'slice', maxDrop: 0.04, ...limits }]
  return judgeDemands({ reference: [side(before)], pruned: [side(after)], metric: 'accuracy', demands, facts }).verdict
}
