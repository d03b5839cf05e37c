import type { UnitCriterion } from '@pare/core'
import { eliminate } from './eliminate.js'
import { influence } from './influence.js'
import { stretch } from './stretch.js'

export interface BlockInfluenceOptions {
  /**
   * 'cosine': 1 − mean cos(beginning, end) of each block on its own. 'angular': the stretch of blocks one after another between whose ends the last
   * position turns least. 'perplexity': one block after another, each time the one without which the loss is lowest. Default: 'cosine'
   */
  readonly by?: 'cosine' | 'angular' | 'perplexity'
  /** For 'perplexity': what the loss compares with. Default: 'labels', of text its tokens */
  readonly against?: 'labels' | 'outputs'
  /** For 'perplexity': only the first so many samples, since each try costs a pass over them. Default: 64 */
  readonly samples?: number
}

/** Removes whole blocks that change least what passes through them. For structure 'layer'. */
export function blockInfluence({ by = 'cosine', against = 'labels', samples = 64 }: BlockInfluenceOptions = {}): UnitCriterion {
  if (against !== 'outputs' && against !== 'labels')
    throw new RangeError(`against is '${against as string}'; expected 'labels' or 'outputs'`)
  if (!(Number.isSafeInteger(samples) && samples > 0))
    throw new RangeError(`samples is ${samples}; expected a whole number from 1 on`)
  const named = (score: UnitCriterion['score']): UnitCriterion => ({ kind: 'units', name: 'block-influence', score })
  switch (by) {
    case 'cosine':
      return named(influence)
    case 'angular':
      return named(stretch)
    case 'perplexity':
      return named((groups, probe) => eliminate(groups, probe, { against, samples }))
    default:
      throw new RangeError(`by is '${by satisfies never as string}'; expected 'cosine', 'angular' or 'perplexity'`)
  }
}

export default blockInfluence
