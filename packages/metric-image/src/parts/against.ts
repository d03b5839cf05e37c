import { type MetricNeeds, type MetricSample, type Numbers, z } from '@pare/metric'

/** Of a comparison of images. */
export const IMAGE_OPTIONS = {
  range: z.number().gt(0).default(1).describe('how far the largest value of a pixel is from the smallest'),
  against: z
    .enum(['label', 'reference'])
    .default('label')
    .describe('images among the labels, or what the reference model puts out'),
}

export function imageNeeds(against: 'label' | 'reference'): MetricNeeds {
  return { read: 'values', against: against === 'label' ? 'values' : 'reference' }
}

export function targetOf({ label, reference }: MetricSample, needs: MetricNeeds): Numbers {
  return needs.against === 'reference' ? reference[0]! : label
}
