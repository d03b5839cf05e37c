import { z } from 'zod'
import { maskFile } from './prune.js'
import { type Field, field } from './row.js'
import { path } from './schemas.js'
import { numberOf, parts } from './text.js'

// Fields that single commands have, and what their texts mean.

/** A field that one command alone has. */
export function own<Schema extends z.ZodType>(
  schema: Schema,
  help: string,
  flag: Partial<Field['flags'][number]>,
  fallback?: string,
): Field<Schema> {
  return field(schema, { help, flag: { on: [], ...flag }, ...(fallback !== undefined && { default: fallback }) })
}

export function folder(shown: string): Field<typeof path> {
  return own(path, 'where the results go', { argument: 'folder', short: 'o' }, shown)
}

export function masks(): Field<typeof maskFile> {
  return own(
    maskFile.describe('a .npz or .safetensors file'),
    'also write the masks of masked weights to this file, for other trainers: bools by name of the weight, 1 where an element stays',
    { argument: 'file', hint: 'for example: --masks masks.npz, or --masks masks.safetensors' },
  )
}

export function pluginOptions() {
  return own(
    z.record(z.string(), z.unknown()).describe('name=value,name=value'),
    'what the plugin is made with, where it needs options',
    { argument: 'values', read: namedValues, hint: 'for example: --options k=5' },
  )
}

/** 'k=5,abs=true' → { k: 5, abs: true }. */
function namedValues(text: string): Readonly<Record<string, unknown>> | undefined {
  const pairs = parts(text).map((part) => /^([^=\s]+)\s*=\s*(.*)$/.exec(part))
  if (pairs.some((pair) => pair === null)) return undefined
  return Object.fromEntries(pairs.map((pair) => [pair![1]!, meaningOf(pair![2]!)]))
}

function meaningOf(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  const number = numberOf(text)
  return Number.isNaN(number) ? text : number
}

const between = z.number().gt(0).lt(1)

export function amounts() {
  return z.array(between).min(1).describe('numbers between 0 and 1, such as 0.3,0.5,0.7')
}

/** '0.5,0.3' → [0.3, 0.5]: each once, ascending. */
export function amountsOf(text: string): number[] {
  return [...new Set(parts(text).map(numberOf))].sort((a, b) => a - b)
}

/** '1/3' → the first of three. */
export function shardOf(text: string): unknown {
  const [, index, all] = /^(\d+)\/(\d+)$/.exec(text.trim()) ?? []
  return { index: Number(index), count: Number(all) }
}

/** 'main=main.lock.json'. */
export function againstOf(text: string): unknown {
  if (text === 'none') return text
  const equals = text.indexOf('=')
  return equals < 0 ? { name: 'the lock file', path: text } : { name: text.slice(0, equals), path: text.slice(equals + 1) }
}
