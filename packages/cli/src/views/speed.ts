import type { Speed } from '@pare/evaluate'

/** '1.8× faster (1.7–1.9)'. */
export function describeSpeed({ verdict, speedup: { value, interval } }: Speed): string {
  const [low, high] = interval
  switch (verdict) {
    case 'faster':
      return `${ratio(value)}× faster (${ratio(low)}–${ratio(high)})`
    case 'slower':
      return `${ratio(1 / value)}× slower (${ratio(1 / high)}–${ratio(1 / low)})`
    case 'no difference':
      return `no difference beyond noise (${ratio(low)}–${ratio(high)})`
    default:
      return verdict satisfies never
  }
}

export function ratio(value: number): string {
  return value.toFixed(value < 9.95 ? 2 : 1)
}

export function formatMs(milliseconds: number): string {
  return `${milliseconds.toPrecision(3)} ms`
}
