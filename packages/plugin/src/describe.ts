import { z } from 'zod'

/** What users read of an option. */
export interface OptionDescription {
  readonly name: string
  /** 'a number from 0 to 1', 'mean, l2 or apoz' */
  readonly expected: string
  /** What it does. */
  readonly help: string
  /** As it is written after `name=`. Undefined: there is none, and the help says what happens. */
  readonly standard?: string
  /** Something that may be written after `name=`. */
  readonly example: string
  /** A JSON Schema of what it may be. */
  readonly schema: Readonly<Record<string, unknown>>
}

export function namesOf(shape: z.ZodObject): readonly string[] {
  return Object.keys(shape.shape)
}

/** Options in words, from what checks them. */
export function describeOptions(shape: z.ZodObject): readonly OptionDescription[] {
  const { properties = {} } = z.toJSONSchema(shape, { io: 'input', unrepresentable: 'any' })
  return Object.entries(properties).map(([name, property]) => {
    const schema = property as Schema
    return {
      name,
      expected: expectedOf(schema),
      help: schema.description ?? '',
      ...(schema.default !== undefined && { standard: String(schema.default) }),
      example: exampleOf(schema),
      schema: property as Readonly<Record<string, unknown>>,
    }
  })
}

/** What is used of a JSON Schema. `expected` is the option's own word where the schema does not say it. */
interface Schema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly multipleOf?: number
  readonly default?: unknown
  readonly description?: string
  readonly expected?: string
  readonly examples?: readonly unknown[]
}

function expectedOf(schema: Schema): string {
  if (schema.expected !== undefined) return schema.expected
  if (schema.const !== undefined) return String(schema.const)
  if (schema.enum !== undefined) return listed(schema.enum.map(String))
  switch (schema.type) {
    case 'integer':
    case 'number':
      return inWords(schema)
    case 'boolean':
      return 'true or false'
    case 'string':
      return 'a word'
    default:
      return 'another value'
  }
}

/** 'a whole number from 1 on', 'a multiple of 4' */
function inWords({ type, multipleOf, ...bounds }: Schema): string {
  const kind = multipleOf === undefined ? (type === 'integer' ? 'a whole number' : 'a number') : `a multiple of ${multipleOf}`
  return [kind, ...(multipleOf !== undefined && multipleOf === bounds.minimum ? [] : rangeOf(bounds))].join(' ')
}

/** Bounds that are no more than what a whole number can be are not told. */
function rangeOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Schema): readonly string[] {
  const isBound = (bound: number | undefined) => bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER
  const from = isBound(exclusiveMinimum) ? [`above ${exclusiveMinimum}`] : isBound(minimum) ? [`from ${minimum}`] : []
  const to = isBound(exclusiveMaximum) ? [`below ${exclusiveMaximum}`] : isBound(maximum) ? [`to ${maximum}`] : []
  return [...from, ...(to.length > 0 || from.length === 0 || from[0]!.startsWith('above') ? to : ['on'])]
}

function exampleOf({
  enum: words,
  examples,
  minimum = 1,
  exclusiveMinimum = 0,
  multipleOf,
  type,
  default: standard,
}: Schema): string {
  if (standard !== undefined) return String(standard)
  if (examples !== undefined) return String(examples[0])
  if (words !== undefined) return String(words[0])
  if (type === 'boolean') return 'true'
  return String(multipleOf ?? Math.max(minimum, exclusiveMinimum + 1))
}

/** ['a', 'b', 'c'] → 'a, b or c'. */
function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
