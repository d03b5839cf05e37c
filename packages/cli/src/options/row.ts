import type { z } from 'zod'

// One row for each thing that a user may say. Config types and JSON Schema, options of the command line, inputs of the action and the tables of the READMEs
// are all made of rows.

/** A field of a config. */
export interface Field<Schema extends z.ZodType = z.ZodType> extends Words {
  readonly schema: Schema
  /** How it is written on a command line. None: only a config has it. */
  readonly flags: readonly Flag[]
}

/** What people read of a row. */
interface Words {
  /** What it does, as a phrase: 'what is ranked together'. */
  readonly help: string
  /** What holds where nothing is said, in words. None: the help says it, or nothing does. */
  readonly default?: string
}

/** An option of commands. What it says is a field of the config, or of the command alone. */
export interface Flag<Schema extends z.ZodType = z.ZodType> extends Partial<Words> {
  /** In camelCase. Default: as the field. */
  readonly name?: string
  readonly short?: 'o' | 'c' | 'y'
  /** How help calls its value: 'fraction'. None: it is said or not. */
  readonly argument?: string
  /** What it means without a value. Absent: it needs one. */
  readonly bare?: unknown
  /** The field of the value that it makes, where it is one of several ways to say it: 'sparsity' of { sparsity: 0.5 }. */
  readonly kind?: string
  /** What it may be, where that is not what the field may be. Its description says what is expected. */
  readonly schema?: Schema
  /** What text means, undefined where it means nothing. Default: a number, a list, or the text itself, as the schema has it. */
  readonly read?: (text: string) => unknown
  /** What to do about text that means nothing. Default: to see --help */
  readonly hint?: string | ((text: string) => string)
  /** It may be given more than once: one list. */
  readonly repeatable?: true
  /** It is written --no-…, and means false. */
  readonly negative?: true
  /** It is written both ways. */
  readonly both?: true
  /** Commands that have it. */
  readonly on: readonly string[]
  /** Those of them that need it. */
  readonly required?: readonly string[]
  /** Other places of a config where it holds too: 'calibrate.batch'. */
  readonly also?: readonly string[]
  /** The action has an input of its name. */
  readonly input?: true
}

/** A field: `schema` says what it may be, `expected` says so in words. */
export function field<Schema extends z.ZodType>(
  schema: Schema,
  { expected, flag, flags = flag === undefined ? [] : [flag], ...words }: Words & FieldWords,
): Field<Schema> {
  return { schema: expected === undefined ? schema : schema.describe(expected), flags, ...words }
}

interface FieldWords {
  /** 'a number from 0 to 1, such as 0.5'. Default: what the schema's description says */
  readonly expected?: string
  readonly flag?: Flag
  readonly flags?: readonly Flag[]
}

export type Fields = Readonly<Record<string, Field>>

/** The schemas of a section, none of them needed. */
export function shapeOf<Section extends Fields>(
  section: Section,
): { readonly [Key in keyof Section]: z.ZodExactOptional<Section[Key]['schema']> } {
  const entries = Object.entries(section).map(([key, { schema }]) => [key, schema.exactOptional()])
  return Object.fromEntries(entries) as ReturnType<typeof shapeOf<Section>>
}
