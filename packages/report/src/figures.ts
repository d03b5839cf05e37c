import * as gate from '@pare/gate'

export { atSizes, figure, formatCount, plural, rough } from '@pare/gate'

// Between a number and its unit stands a no-break space.

/** What something changed by: 0.0125 is '1.25 %'. */
export const percent = (fraction: number): string => unbroken(gate.percent(fraction))

/** A part of a whole: 0.5 is '50.0 %'. */
export const share = (fraction: number): string => unbroken(gate.share(fraction))

/** Bytes in decimal units: '1.09 MB'. */
export const size = (bytes: number): string => unbroken(gate.formatBytes(bytes))

/** A count in decimal units: '272 k', '41.2 M'. */
export const amount = (count: number): string => unbroken(gate.formatAmount(count))

/** '850 ms', '12.3 s', '4 min 10 s': a line may break behind the minutes. */
export const duration = (milliseconds: number): string => unbroken(gate.formatDuration(milliseconds))

/** The change from one amount to another: '−43.1 %', '±0 %'. Undefined where there is nothing to compare with. */
export function change(before: number, after: number): string | undefined {
  if (!(before > 0)) return undefined
  const fraction = after / before - 1
  if (Math.abs(fraction) < 0.0005) return '±0\u00a0%'
  return `${fraction > 0 ? '+' : ''}${share(fraction)}`
}

const unbroken = (text: string) => text.replace(/(?<=\d) (?=\D)/g, '\u00a0')
