import { PareError } from '@pare/onnx/error'
import { suggest } from '@pare/onnx/suggest'
import { z } from 'zod'
import { describeOptions, namesOf, type OptionDescription } from './describe.js'

/** A plugin of any kind: what it is called, what it does, what can be set, and how it is made. */
export interface PluginDefinition<Shape extends z.ZodRawShape, Made> {
  /** What options, messages and reports call it. */
  readonly name: string
  /** What it does, with the formula and its source: a sentence or two. */
  readonly about: string
  /** By name: a zod type with a description, and a default unless it may be left out. Default: none */
  readonly options?: Shape
  /** Makes it of options that are checked and complete. What lies in how options go together is refused here, by a `PareError`. */
  readonly create: (options: z.output<z.ZodObject<Shape>>, name: string) => Made
}

/** Makes a plugin from its options, and says what they are. */
export interface PluginFactory<Shape extends z.ZodRawShape, Made> {
  /** Throws PareError where an option is not known or not what is expected. */
  (options?: z.input<z.ZodObject<Shape>>): Made
  readonly about: string
  /** In the order in which they are written. */
  readonly options: readonly OptionDescription[]
}

/** What the options of a plugin may be. */
export type OptionsOf<Factory> = Factory extends PluginFactory<infer Shape, infer _> ? z.input<z.ZodObject<Shape>> : never

/** From here the types, checks, messages and descriptions of its options come. */
export function definePlugin<Shape extends z.ZodRawShape, Made>(
  definition: PluginDefinition<Shape, Made>,
): PluginFactory<Shape, Made> {
  const { name, about, create } = definition
  const stray = Object.keys(definition).find((member) => !Object.hasOwn(DEFINITION, member))
  if (stray !== undefined)
    throw new PareError(
      `the definition of plugin '${name}' has a member '${stray}'; ${nearest(stray, Object.keys(DEFINITION))} was expected.`,
      {
        hint: 'what users may set stands in options.',
      },
    )
  const shape = z.object(definition.options ?? ({} as Shape))
  const factory = (values: z.input<z.ZodObject<Shape>> = {} as never) => create(checked(values, { name, shape }), name)
  let options: readonly OptionDescription[] | undefined
  return Object.defineProperties(factory, {
    name: { value: name },
    about: { value: about },
    options: { get: () => (options ??= describeOptions(shape)) },
  }) as PluginFactory<Shape, Made>
}

const DEFINITION: Readonly<Record<keyof PluginDefinition<z.ZodRawShape, unknown>, true>> = {
  ...{ name: true, about: true, options: true, create: true },
}

/** "'scope'", or 'one of name, scope'. */
function nearest(word: string, names: readonly string[]): string {
  const guess = suggest(word, names)
  return guess === undefined ? `one of ${names.join(', ') || 'none'}` : `'${guess}'`
}

/** The options with their defaults. */
function checked<Shape extends z.ZodRawShape>(values: object, { name, shape }: { name: string; shape: z.ZodObject<Shape> }) {
  const unknown = Object.keys(values).find((key) => !Object.hasOwn(shape.shape, key))
  if (unknown !== undefined) {
    const guess = suggest(unknown, namesOf(shape))
    throw new PareError(`${name} has no option '${unknown}' (${text(Reflect.get(values, unknown))}).`, {
      hint: `${guess === undefined ? '' : `did you mean '${guess}'? `}its options: ${namesOf(shape).join(', ') || 'none'}`,
    })
  }
  const result = shape.safeParse(values)
  if (result.success) {
    const idle = idleMember(values, result.data, name)
    if (idle === undefined) return result.data
    throw new PareError(
      `${name}: nothing reads '${idle.member}' of ${idle.place}; ${nearest(idle.member, idle.names)} was expected.`,
      {
        hint: 'correct it, or leave it out.',
      },
    )
  }
  const [key = ''] = result.error.issues[0]!.path
  const described = describeOptions(shape).find((option) => option.name === key)!
  const { expected, standard, example, help } = described
  const value: unknown = Reflect.get(values, key)
  const written = `${name}:${described.name}=${example}`
  if (value === undefined)
    throw new PareError(`${name}: ${described.name} is missing; ${expected} was expected.`, { hint: `${written}: ${help}` })
  const hint = standard === undefined ? written : `${name}:${described.name}=${standard} is the default.`
  throw new PareError(`${name}: ${described.name} is ${text(value)}; ${expected} was expected.`, { hint })
}

/** A member of an object within options that its schema does not have, so that it is gone behind it. */
function idleMember(
  before: unknown,
  after: unknown,
  place: string,
): { readonly place: string; readonly member: string; readonly names: readonly string[] } | undefined {
  if (!isObject(before) || !isObject(after)) return undefined
  for (const [member, value] of Object.entries(before)) {
    if (!Object.hasOwn(after, member)) return { place, member, names: Object.keys(after) }
    const inner = idleMember(value, Reflect.get(after, member), member)
    if (inner !== undefined) return inner
  }
  return undefined
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** As JSON, but for numbers that it has not. */
function text(value: unknown): string {
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value))
}
