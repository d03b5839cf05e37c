import { PareError } from '@pare/onnx'

/** Options of a metric as they are written: `name:option=value,option=value`. */
export type MetricOptions = Readonly<Record<string, unknown>>

/** An option that is a whole number from 1. */
export function countOption(options: MetricOptions, name: string, standard?: number): number {
  return wholeOption(options, { name, standard, from: 1 })
}

/** An option that is a whole number from 0, such as a class. */
export function indexOption(options: MetricOptions, name: string, standard?: number): number {
  return wholeOption(options, { name, standard, from: 0 })
}

function wholeOption(
  options: MetricOptions,
  { name, standard, from }: { readonly name: string; readonly standard: number | undefined; readonly from: number },
): number {
  const value = options[name] ?? standard
  if (typeof value === 'number' && Number.isInteger(value) && value >= from) return value
  throw new PareError(`${name} is ${value === undefined ? 'missing' : String(value)}, expected a whole number from ${from}.`, {
    hint: `write it after the name: ${name}=5 for example.`,
  })
}

/** An option that is a positive number. */
export function numberOption(options: MetricOptions, name: string, standard: number): number {
  const value = options[name] ?? standard
  if (typeof value === 'number' && value > 0) return value
  throw new PareError(`${name} is ${String(value)}, expected a number above 0.`, { hint: `leave it out for ${standard}.` })
}

/** An option that is one of a few words, the first of them by default. */
export function choiceOption<Choice extends string>(
  options: MetricOptions,
  name: string,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  const value = options[name] ?? choices[0]
  const choice = choices.find((one) => one === value)
  if (choice !== undefined) return choice
  throw new PareError(`${name} is ${String(value)}, expected one of ${choices.join(', ')}.`, {
    hint: `leave it out for ${choices[0]}.`,
  })
}

/** An option that is a name, or is left out. */
export function nameOption(options: MetricOptions, name: string): string | undefined {
  const value = options[name]
  if (value === undefined || (typeof value === 'string' && value !== '')) return value
  throw new PareError(`${name} is ${String(value)}, expected a name.`, { hint: `leave it out for none.` })
}
