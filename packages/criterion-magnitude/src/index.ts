import { type Criterion, PareError } from '@pare/core'

export interface MagnitudeOptions {
  /** 1: |w|; 2: w². Both rank single elements alike; sums over units differ. Default: 1 */
  readonly p?: 1 | 2
}

/** Saliency = |w|ᵖ (Han et al. 2015, arXiv 1506.02626). */
export function magnitude({ p = 1 }: MagnitudeOptions = {}): Criterion<Record<never, never>> {
  if (p !== 1 && p !== 2)
    throw new PareError(`magnitude: p is ${JSON.stringify(p)}; 1 or 2 was expected.`, { hint: 'magnitude:p=2 for squares.' })
  return {
    name: 'magnitude',
    needs: {},
    saliency: ({ weight }, ops) => (p === 1 ? ops.abs(weight) : ops.square(weight)),
  }
}

export default magnitude
