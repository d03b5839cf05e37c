import { z } from 'zod'
import { configSchema, LIST_FIELDS, SECTIONS } from './config.js'
import type { Field } from './row.js'

/** What fields are for, by their schema. */
const FIELDS = new Map<z.core.$ZodType, Field>(
  [...Object.values(SECTIONS), ...Object.values(LIST_FIELDS)].flatMap((fields) =>
    Object.values(fields).map((field: Field) => [field.schema, field] as const),
  ),
)

/** The JSON Schema that `schema/config.schema.json` publishes: editors complete a config by it, and show what each field does. */
export function configJsonSchema(): unknown {
  const schema = z.toJSONSchema(configSchema, {
    target: 'draft-7',
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      const field = FIELDS.get(zodSchema)
      if (field === undefined) return
      const { help, default: fallback } = field
      const expected = jsonSchema.description === undefined ? '' : `\nExpected: ${jsonSchema.description}.`
      jsonSchema.description = `${sentence(help)}${fallback === undefined ? '' : ` Default: ${fallback}.`}${expected}`
    },
  })
  return { ...schema, title: 'pare.config' }
}

/** 'what may go' → 'What may go.' */
function sentence(phrase: string): string {
  return `${phrase.charAt(0).toUpperCase()}${phrase.slice(1)}.`
}
