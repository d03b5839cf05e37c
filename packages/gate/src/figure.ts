// Sentences, tables, pages and the terminal write a number by these functions, so that one number reads the same in all of them.

/** A number for a sentence: four significant digits unless told otherwise, thousands grouped, a true minus sign. */
export function figure(value: number, digits = 4): string {
  const rounded = Number(value.toPrecision(digits))
  const text = Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : String(rounded)
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

/** '1 sample', '2,000 samples'. */
export function samples(count: number): string {
  return count === 1 ? '1 sample' : `${count.toLocaleString('en-US')} samples`
}
