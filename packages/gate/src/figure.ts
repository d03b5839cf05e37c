/** A number for a sentence: four significant digits, thousands grouped, a true minus sign. */
export function figure(value: number): string {
  const digits = Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(4)))
  return digits.replace('-', '−')
}

/** A number whose last digits are chance anyway, such as a confidence limit: two significant digits. */
export function rough(value: number): string {
  return figure(Number(value.toPrecision(2)))
}

/** A fraction as a percentage: 0.0125 is '1.25 %'. */
export function percent(fraction: number): string {
  return `${figure(fraction * 100)} %`
}

/** '1 sample', '2,000 samples'. */
export function samples(count: number): string {
  return count === 1 ? '1 sample' : `${count.toLocaleString('en-US')} samples`
}
