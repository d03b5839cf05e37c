import { createHash } from 'node:crypto'

/** Uniform numbers in [0, 1), a function of the name. */
export function random(name) {
  let state = createHash('sha256').update(name).digest().readUInt32LE(0)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Group of each sample: of one size, or, from 2 on, of half to one and a half of it. */
export function grouped(n, size, next) {
  const of = []
  for (let g = 0; of.length < n; g++) {
    const own = size === 1 ? 1 : Math.max(1, Math.round(size * (0.5 + next())))
    for (let i = 0; i < own && of.length < n; i++) of.push(g)
  }
  return of
}

export function normal(next) {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
}

/** Marsaglia and Tsang 2000; below 1 by the usual power of a uniform number. */
function gamma(shape, next) {
  if (shape < 1) return gamma(shape + 1, next) * (1 - next()) ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = normal(next)
    const v = (1 + c * x) ** 3
    if (v > 0 && Math.log(1 - next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}

/** A rate for each group with this mean, by which two samples of a group correlate as `icc` says. */
export function rates(mean, { icc, groups, next }) {
  return Array.from({ length: groups }, () => {
    if (icc === 0 || mean === 0) return mean
    const a = (mean * (1 - icc)) / icc
    const b = ((1 - mean) * (1 - icc)) / icc
    const [x, y] = [gamma(a, next), gamma(b, next)]
    return x + y > 0 ? x / (x + y) : next() < mean ? 1 : 0
  })
}

/** A normal number for each sample, of variance 1, of which the share `icc` is that of its group. */
export function effects({ icc, group, next, shape = normal }) {
  const own = Array.from({ length: group.at(-1) + 1 }, () => shape(next))
  return group.map((g) => Math.sqrt(icc) * own[g] + Math.sqrt(1 - icc) * shape(next))
}
