import type { UnitLayout } from '../backend/backend.js'

/** Puts the saliencies of consecutive elements, from element `start` of a tensor on, to the scores of their units. −∞ is the saliency of a zero. */
export function putTogether(
  saliency: ArrayLike<number>,
  start: number,
  { inner, units, put }: UnitLayout,
  scores: Float64Array,
): void {
  const [squares, max] = [put === 'squares', put === 'max']
  const { length } = saliency
  let position = Math.floor(start / inner) % units.length
  let end = inner - (start % inner)
  for (let i = 0; i < length; end += inner) {
    const stop = Math.min(end, length)
    const unit = units[position]!
    if (unit >= 0) {
      let score = scores[unit]!
      for (; i < stop; i++) {
        const value = saliency[i]!
        if (value === -Infinity) continue
        if (max) score = Math.max(score, value)
        else score += squares ? value * value : value
      }
      scores[unit] = score
    }
    i = stop
    if (++position === units.length) position = 0
  }
}
