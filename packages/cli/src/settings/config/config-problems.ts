import { suggest } from '@pare/onnx/suggest'
import { z } from 'zod'
import { configSchema } from '../../options/config.js'
import { optionsOf } from '../../options/options.js'
import type { Problem, SourcePlace } from '../../terminal/failure.js'
import { formatValue } from '../../terminal/format.js'
import { visible, visibleMessage } from '../../terminal/visible.js'

type Path = readonly PropertyKey[]

/** Everything about `input` that the schema does not allow, and `input` without those parts, so that the rest can be checked too. */
export function checkShape(
  input: unknown,
  schema: z.ZodType = configSchema,
): { readonly problems: readonly Problem[]; readonly rest: unknown } {
  // What a gate may say, the gate itself knows best: limits are checked where they are put together.
  const all = (schema.safeParse(input).error?.issues ?? []).flatMap((issue) => narrowed(issue, input))
  const issues = all.filter(({ path }) => !path.includes('gate'))
  const count = issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0)
  // Whoever wrote so many did not mean a config: the first ones tell, and looking for the place of each takes as long as all are long.
  if (count > MOST_PROBLEMS) {
    const first = issues.slice(0, MOST_PROBLEMS).flatMap((issue) => problemsOf(shortened(issue), { input, schema }))
    const shown = first.slice(0, SHOWN_OF_MANY)
    return { problems: [...shown, { place: '', message: `and ${count - shown.length} more problems.` }], rest: {} }
  }
  const problems = issues.flatMap((issue) => problemsOf(issue, { input, schema }))
  const wrong = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path],
  )
  return { problems, rest: wrong.reduce<unknown>((rest, path) => without(rest, path), input) }
}

const MOST_PROBLEMS = 200
const SHOWN_OF_MANY = 20

function shortened(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  return issue.code === 'unrecognized_keys' ? { ...issue, keys: issue.keys.slice(0, SHOWN_OF_MANY) } : issue
}

/**
 * Of alternatives of which one alone has the right type, such as a list or an object: what is wrong within that one. Not where it
 * lacks what that one has to have: `prune: { criterion: … }` is no preset, but a step that is not in a list.
 */
function narrowed(issue: z.core.$ZodIssue, input: unknown): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const fitting = issue.errors.filter((errors) => !errors.some(({ code, path }) => code === 'invalid_type' && path.length === 0))
  const [only] = fitting
  if (fitting.length !== 1 || only === undefined) return [issue]
  const lacks = only.some(({ path }) => path.length === 1 && valueAt(input, [...issue.path, ...path]) === undefined)
  if (lacks) return [issue]
  return only.flatMap((inner) => narrowed({ ...inner, path: [...issue.path, ...inner.path] }, input))
}

/** ['models', 0, 'gate', 'maxDrop'] → 'models[0].gate.maxDrop'. */
export function formatPlace(path: Path): string {
  return path.reduce<string>((place, key) => {
    if (typeof key === 'number') return `${place}[${key}]`
    const name = clipped(String(key))
    return place === '' ? name : `${place}.${name}`
  }, '')
}

/** Names of options are short: a longer key is not one. */
function clipped(key: string): string {
  return key.length > 80 ? `${key.slice(0, 79)}…` : key
}

/** 'pare.config.yml:12:5' */
function formatSource({ file, line, column }: SourcePlace): string {
  return `${visible(file)}:${line}:${column}`
}

/** Problems as a message shows them: one a line, with its cure. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems
    .map(
      ({ place, message, hint, at }) =>
        `  ${at === undefined ? '' : `${formatSource(at)}: `}${place === '' ? '' : `${place}: `}${visibleMessage(message)}${hint === undefined ? '' : `\n    hint: ${visible(hint)}`}`,
    )
    .join('\n')
}

function problemsOf(
  issue: z.core.$ZodIssue,
  { input, schema: whole }: { readonly input: unknown; readonly schema: z.ZodType },
): readonly Problem[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...issue.path, key], whole))
  const schema = schemaAt(issue.path, whole)
  const value = valueAt(input, issue.path)
  const expected = schema?.description ?? issue.message
  const message = value === undefined ? `is missing; expected ${expected}.` : `is ${formatValue(value)}; expected ${expected}.`
  return [{ place: formatPlace(issue.path), message }]
}

function unknownKey(path: Path, whole: z.ZodType): Problem {
  const key = clipped(String(path.at(-1)))
  const place = formatPlace(path)
  const keys = keysAt(path.slice(0, -1), whole)
  const guess = suggest(key, keys)
  const written = writtenAs(key, keys)
  return {
    place,
    message: `'${key}' is not an option.`,
    hint:
      written !== undefined
        ? `in a config it is written ${written}`
        : guess === undefined
          ? `options here: ${keys.join(', ')}`
          : `did you mean '${guess}'? Options here: ${keys.join(', ')}`,
  }
}

/**
 * How a config says what an option of the command line says: 'sparsity' is `prune: [{ target: { sparsity: … } }]`. Where one of `keys` may be
 * written is the beginning.
 */
function writtenAs(name: string, keys: readonly string[]): string | undefined {
  const option = optionsOf('run').find((each) => each.name === name)
  const [place = ''] = option?.places ?? []
  if (option === undefined || place === '') return undefined
  const path = [...place.split('.'), ...(option.kind === undefined ? [] : [option.kind])]
  const start = Math.max(
    0,
    path.findIndex((field) => keys.includes(field)),
  )
  const [first = '', ...inner] = path.slice(start)
  const value = inner.reduceRight((rest, field) => `{ ${field}: ${rest} }`, '…')
  return first === 'prune' ? `prune: [${value}]` : `${first}: ${value}`
}

function keysAt(path: Path, whole: z.ZodType): readonly string[] {
  const schema = schemaAt(path, whole)
  const alternatives = schema instanceof z.ZodUnion ? schema.options : [schema]
  return alternatives.flatMap((alternative) => (alternative instanceof z.ZodObject ? Object.keys(alternative.shape) : []))
}

/** The schema of a place, without its `optional`. Within a union it is that of the alternative which has such a field. */
function schemaAt(path: Path, whole: z.ZodType): (z.core.$ZodType & { readonly description?: string }) | undefined {
  return path.reduce<z.core.$ZodType | undefined>((schema, key) => {
    const alternatives = schema instanceof z.ZodUnion ? schema.options : [schema]
    const inner = alternatives.map((alternative) => fieldOf(alternative, key)).find((field) => field !== undefined)
    return inner === undefined ? schema : unwrap(inner)
  }, whole)
}

function fieldOf(schema: z.core.$ZodType | undefined, key: PropertyKey): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodArray) return typeof key === 'number' ? schema.element : undefined
  return schema instanceof z.ZodObject ? schema.shape[String(key)] : undefined
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodExactOptional ? unwrap(schema.def.innerType) : schema
}

function valueAt(input: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    input,
  )
}

/** A copy without the value at `path`. Places in lists become undefined, so that the others keep their index. */
function without(value: unknown, path: Path): unknown {
  const [key, ...rest] = path
  if (key === undefined) return undefined
  if (Array.isArray(value)) return value.map((entry, index) => (index === key ? without(entry, rest) : entry))
  if (typeof value !== 'object' || value === null) return value
  if (rest.length > 0) return { ...value, [key]: without(Reflect.get(value, key), rest) }
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))
}
