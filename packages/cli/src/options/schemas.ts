import { z } from 'zod'

// What several fields may be. A description says what is expected: error messages and the JSON Schema quote it.

export const fraction = z.number().min(0).max(1).describe('a number from 0 to 1, such as 0.5')
export const budget = z.number().gt(0).max(1).describe('a fraction above 0 and up to 1, such as 0.5')
export const count = z.number().int().positive().describe('a whole number from 1 on, such as 32')
export const axisSizes = z.record(z.string().min(1), count).describe('sizes by name, such as sequence=32,width=64')
export const positive = z.number().positive().describe('a number above 0, such as 0.01')
export const fromZero = z.number().min(0)
export const finite = z.number().describe('a number, such as 0.9')
export const path = z.string().min(1)
export const globs = z.array(z.string().min(1)).describe("a list of globs over names of nodes or tensors, such as ['/lm_head/*']")

/** Of what kind the plugins are that a schema takes. */
export const PLUGIN_KINDS = new Map<z.core.$ZodType, string>()

/** A metric: its name, options after a colon; or an object of its name and options. */
export const metric = z.union([
  z.string().min(1),
  z
    .object({ name: z.string().min(1) })
    .catchall(z.union([z.number(), z.boolean(), z.string()]).describe('a number, true, false or a word'))
    .describe("a metric with its options, such as { name: 'f1', average: 'micro' }"),
])
PLUGIN_KINDS.set(metric, 'metric')

/** One of some words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words).describe(listed(words.map((word) => `'${word}'`)))
}

/** ['a', 'b', 'c'] → 'a, b or c'. */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
