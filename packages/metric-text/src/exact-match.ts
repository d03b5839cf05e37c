import type { Metric } from '@pare/metric'

export function exactMatch(): Metric {
  return {
    name: 'exact-match',
    formula: 'share of samples whose text is what is expected, spaces around it aside',
    better: 'higher',
    bounded: true,
    needs: { read: 'text' },
    of: ({ text }) => Number(text!.expected.some((way) => way.trim() === text!.answer.trim())),
    combine: 'proportion',
  }
}
