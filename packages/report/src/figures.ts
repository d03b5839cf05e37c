import * as gate from '@pare/gate'

export { figure, rough } from '@pare/gate'

// Between a number and its unit stands a no-break space.

/** What something changed by: 0.0125 is '1.25 %'. */
export function percent(fraction: number): string {
  return gate.percent(fraction).replace(' ', '\u00a0')
}

/** A part of a whole: 0.5 is '50.0 %'. */
export function share(fraction: number): string {
  return gate.share(fraction).replace(' ', '\u00a0')
}

/** Bytes in decimal units: '1.09 MB'. */
export function size(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB'])
}

/** A count in decimal units: '272 k', '41.2 M'. */
export function amount(count: number): string {
  return scaled(count, ['', 'k', 'M', 'G', 'T'])
}

/** The change from one amount to another: '−43.1 %', '±0 %'. Undefined where there is nothing to compare with. */
export function change(before: number, after: number): string | undefined {
  if (!(before > 0)) return undefined
  const fraction = after / before - 1
  if (Math.abs(fraction) < 0.0005) return '±0\u00a0%'
  return `${fraction > 0 ? '+' : ''}${share(fraction)}`
}

/** '850 ms', '12.3 s', '4 min 10 s'. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}\u00a0ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}\u00a0s`
  return `${Math.floor(ms / 60_000)}\u00a0min ${Math.round((ms % 60_000) / 1000)}\u00a0s`
}

/** '1 model', '3 models'. */
export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`
}

function scaled(value: number, units: readonly string[]): string {
  const step = Math.min(units.length - 1, value < 1000 ? 0 : Math.floor(Math.log10(value) / 3))
  const digits = value / 1000 ** step
  return `${step === 0 ? digits : Number(digits.toPrecision(3))}\u00a0${units[step]}`.trim()
}
