import { z } from 'zod'

/** Text that somebody wrote for an option, and what it means. */
export interface TextReading {
  /** What it may be. Its description says what is expected. */
  readonly schema: z.ZodType
  /** What text means. Default: a number, a list, or the text itself, as the schema has it. */
  readonly read?: ((text: string) => unknown) | undefined
}

export type Meaning = { readonly value: unknown } | Expectation

/** What was expected in the place of the text, and what to do about it where that is known. */
export interface Expectation {
  readonly expected: string
  readonly hint?: string
}

/** What a text means, or what was expected. */
export function readText(text: string, { schema, read = plain(schema) }: TextReading): Meaning {
  const result = schema.safeParse(read(text))
  if (result.success) return { value: result.data }
  const percent = /^(relative\s*=)?\s*(\d+(?:\.\d+)?)\s*%$/.exec(text.trim())
  const share = percent === null ? undefined : Number((Number(percent[2]) / 100).toPrecision(12))
  return {
    // Where all is text, nothing is quoted.
    expected: (schema.description ?? 'something else').replaceAll("'", ''),
    ...(share !== undefined && { hint: `for ${percent![2]} % write ${percent![1] === undefined ? share : `relative=${share}`}` }),
  }
}

function plain(schema: z.ZodType): (text: string) => unknown {
  if (schema instanceof z.ZodNumber) return numberOf
  if (schema instanceof z.ZodBoolean) return yesOrNo
  if (schema instanceof z.ZodArray) return (text) => [text]
  return (text) => (schema instanceof z.ZodEnum ? text.trim() : text)
}

/** NaN for anything but digits as people write them: '1e-3', '.5', '-0.5'. */
export function numberOf(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : Number.NaN
}

function yesOrNo(text: string): unknown {
  if (/^\s*true\s*$/i.test(text)) return true
  return /^\s*false\s*$/i.test(text) ? false : text
}

/** 'height=32,width=32' → { height: 32, width: 32 }. */
export function sizesOf(text: string): unknown {
  const pairs = parts(text).map((part) => {
    const [, name = '', size = ''] = /^(.*)=([^=]*)$/.exec(part) ?? []
    return [name.trim(), numberOf(size)]
  })
  return Object.fromEntries(pairs)
}

/** What stands between commas. */
export function parts(text: string): string[] {
  return text.split(',').map((part) => part.trim())
}

/** A text with line breaks and tabs as they are typed: '\\n\\n'. */
export function unescaped(text: string): string {
  return text.replaceAll('\\n', '\n').replaceAll('\\t', '\t')
}
