import type { OptionDescription } from '@pare/core'
import { z } from 'zod'
import { configSchema, LIST_FIELDS, SECTIONS } from './config.js'
import type { Field } from './row.js'
import { PLUGIN_KINDS } from './schemas.js'

/** What fields are for, by their schema. */
const FIELDS = new Map<z.core.$ZodType, Field>(
  [...Object.values(SECTIONS), ...Object.values(LIST_FIELDS)].flatMap((fields) =>
    Object.values(fields).map((field: Field) => [field.schema, field] as const),
  ),
)

/** The JSON Schema that `schema/config.schema.json` publishes: editors complete a config by it, and show what each field does. */
export function configJsonSchema(plugins: readonly DescribedPlugin[]): unknown {
  const schema = z.toJSONSchema(configSchema, {
    target: 'draft-7',
    io: 'input',
    reused: 'ref',
    override: ({ zodSchema, jsonSchema }) => {
      const kind = PLUGIN_KINDS.get(zodSchema)
      if (kind !== undefined) jsonSchema.anyOf = pluginForms(kind, plugins)
      const field = FIELDS.get(zodSchema)
      if (field === undefined) return
      const { help, default: fallback } = field
      const expected = jsonSchema.description === undefined ? '' : `\nExpected: ${jsonSchema.description}.`
      jsonSchema.description = `${sentence(help)}${fallback === undefined ? '' : ` Default: ${fallback}.`}${expected}`
    },
  })
  return {
    ...schema,
    title: 'pare.config',
    definitions: { ...(schema.definitions as object | undefined), ...optionDefinitions(plugins) },
  }
}

/** A plugin that comes with Pare. */
interface DescribedPlugin {
  readonly kind: string
  readonly name: string
  readonly about: string
  readonly options: readonly OptionDescription[]
}

/** By name, or with its options; other plugins have others. */
function pluginForms(kind: string, plugins: readonly DescribedPlugin[]): z.core.JSONSchema.BaseSchema[] {
  const names = plugins.filter((plugin) => plugin.kind === kind).map(({ name }) => name)
  return [
    {
      anyOf: [
        { type: 'string', enum: names },
        { type: 'string', minLength: 1 },
      ],
    },
    { $ref: `#/definitions/${kind}` },
  ]
}

/** For each kind an object with a name, whose other fields are known where the plugin comes with Pare. */
function optionDefinitions(plugins: readonly DescribedPlugin[]): Readonly<Record<string, object>> {
  const kinds = [...new Set(plugins.map(({ kind }) => kind))]
  return Object.fromEntries(
    kinds.map((kind) => [
      kind,
      {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string', minLength: 1 } },
        allOf: plugins.filter((plugin) => plugin.kind === kind).map(optionsWhereNamed),
      },
    ]),
  )
}

function optionsWhereNamed({ name, about, options }: DescribedPlugin): object {
  const properties = Object.fromEntries(
    options.map(({ name: option, help, expected, standard, schema }) => [
      option,
      {
        ...schema,
        description: `${sentence(help)}${standard === undefined ? '' : ` Default: ${standard}.`}\nExpected: ${expected}.`,
      },
    ]),
  )
  return {
    if: { properties: { name: { const: name } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { description: about, properties: { name: true, ...properties }, additionalProperties: false },
  }
}

/** 'what may go' → 'What may go.' */
function sentence(phrase: string): string {
  return `${phrase.charAt(0).toUpperCase()}${phrase.slice(1)}.`
}
