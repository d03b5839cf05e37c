import { type MetricNeeds, type MetricSample, type Numbers, type Pooling, z } from '@pare/metric'
import { PareError } from '@pare/onnx'

const against = z.enum(['label', 'reference']).default('label').describe('the labels, or what the reference model puts out')
const pairs = z
  .enum(['mean', 'cls', 'max', 'last', 'output'])
  .optional()
  .describe('the two texts of a row are encoded each on its own: how one vector is made of what the model gives for a text')

/** Of two texts, or of one thing. */
export const PAIR_OPTIONS = { against, pairs }

/** Of values, or of the cosine between the vectors of two towers or of two texts. */
export const VALUE_OPTIONS = {
  ...PAIR_OPTIONS,
  with: z.coerce.string().min(1).optional().describe('a second output: the cosine between the two is compared with the label'),
}

export type ValueOptions = z.output<z.ZodObject<typeof VALUE_OPTIONS>>

export function againstNeeds(against: ValueOptions['against']): MetricNeeds {
  return { read: 'values', against: against === 'label' ? 'values' : 'reference' }
}

/** Throws PareError where two options contradict each other. */
export function valueNeeds({ against, pairs, with: other }: ValueOptions): MetricNeeds {
  const needs = againstNeeds(against)
  const settings = [...(other === undefined ? [] : [`with=${other}`]), ...(pairs === undefined ? [] : [`pairs=${pairs}`])]
  if (settings.length > 1 || (settings.length > 0 && needs.against !== 'values')) {
    throw new PareError(
      settings.length > 1
        ? `${settings.join(' and ')} both say what the cosine is taken of.`
        : `${settings[0]} compares with labels, and against is ${needs.against}.`,
      { hint: 'leave one of the two out.' },
    )
  }
  return { ...needs, ...(other !== undefined && { with: other }), ...(pairs !== undefined && { pairs }) }
}

/** Of two texts: the second is what the first is compared with. */
export function pairNeeds(pairs: Pooling): MetricNeeds {
  return { read: 'values', against: 'pair', pairs }
}

/** What the values of the sample are compared with. */
export function targetOf({ label, reference }: MetricSample, needs: MetricNeeds): Numbers {
  return needs.against === 'reference' ? reference[0]! : label
}
