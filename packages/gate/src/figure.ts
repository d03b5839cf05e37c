// Sentences, tables, pages and the terminal write a number by these functions, so that one number reads the same in all of them.

/** A number for a sentence: four significant digits unless told otherwise, thousands grouped, a true minus sign. */
export function figure(value: number, digits = 4): string {
  const rounded = Number(value.toPrecision(digits))
  const text = Math.abs(value) >= 1000 ? formatCount(Math.round(value)) : String(rounded)
  return text.replace('-', '−')
}

/** A number whose last digits are chance anyway, such as a confidence limit: two significant digits. */
export function rough(value: number): string {
  return figure(value, 2)
}

/** What something changed by, as a percentage with three significant digits: 0.0125 is '1.25 %'. */
export function percent(fraction: number): string {
  return `${figure(fraction * 100, 3)} %`
}

/** A part of a whole, as a percentage with one decimal, which stands well in a column: 0.5 is '50.0 %'. */
export function share(fraction: number): string {
  return `${(fraction * 100).toFixed(1).replace('-', '−')} %`
}

/** ' at height = width = 224': open sizes of a model, equal ones together, the largest first. What is 1 is left out where something is not. '' for none. */
export function atSizes(sizes: Readonly<Record<string, number>> = {}): string {
  const bySize = new Map<number, string[]>()
  for (const [name, size] of Object.entries(sizes)) bySize.set(size, [...(bySize.get(size) ?? []), name])
  const all = [...bySize].sort(([a], [b]) => b - a)
  const shown = all.filter(([size]) => size !== 1 || all.length === 1)
  const text = shown.map(([size, names]) => `${someOf(names).join(' = ')} = ${size}`).join(', ')
  return text === '' ? '' : ` at ${text}`
}

/** Four at most. */
function someOf(names: readonly string[]): readonly string[] {
  return names.length <= 4 ? names : [...names.slice(0, 3), `${names.length - 3} more`]
}

// Made once: `toLocaleString` makes one for each number.
let counts: Intl.NumberFormat | undefined

/** 1234567 is '1,234,567', in every locale. */
export function formatCount(count: number): string {
  // Below that nothing is grouped.
  if (Number.isInteger(count) && Math.abs(count) < 1000) return String(count)
  counts ??= new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
  return counts.format(count)
}

/** '1 sample', '2,000 samples'. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** Bytes in the decimal units that download sizes have: '999 B', '1.09 MB'. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB'])
}

/** A count in decimal units: '640', '272 k', '41.2 M'. */
export function formatAmount(count: number): string {
  return scaled(count, ['', 'k', 'M', 'G', 'T']).trim()
}

/** '850 ms', '12.3 s', '4 min 10 s'. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`
  return milliseconds < 59_950 ? `${(milliseconds / 1000).toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** Three significant digits in the largest unit that the number reaches when it is rounded. */
function scaled(value: number, units: readonly string[]): string {
  const step = units.findIndex((_, i) => value < 999.5 * 1000 ** i || i === units.length - 1)
  return `${step === 0 ? value : Number((value / 1000 ** step).toPrecision(3))} ${units[step]}`
}
