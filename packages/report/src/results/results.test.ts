import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { example } from '../sample.test.data.js'
import { resultsJsonSchema, runResults } from './results.js'

test('the published JSON Schema is current; if not: npm run schema -w @pare/report', () => {
  const published = readFileSync(new URL('../../schema/results.schema.json', import.meta.url), 'utf8')
  expect(JSON.parse(published)).toEqual(resultsJsonSchema())
})

test('every example follows the schema', () => {
  for (const name of ['failing', 'incomplete', 'passing', 'several-models', 'lost-class'] as const)
    expect(example(name).schemaVersion).toBe(1)
})

test('NaN and a missing verdict do not', () => {
  const results = example('passing')
  const [model] = results.models
  const nan = { ...results, models: [{ ...model, reference: { ...model!.reference, metrics: { accuracy: Number.NaN } } }] }
  expect(runResults.safeParse(nan).error?.issues[0]?.path).toEqual(['models', 0, 'reference', 'metrics', 'accuracy'])
  expect(runResults.safeParse({ ...results, verdict: undefined }).success).toBe(false)
})

test('a reader of today accepts the fields of tomorrow', () => {
  expect(runResults.safeParse({ ...example('passing'), tomorrow: 1 }).success).toBe(true)
  expect(JSON.stringify(resultsJsonSchema())).not.toContain('"additionalProperties":false')
})

test.each(['__proto__', 'constructor', 'toString'])('a metric by the name %s, which every object has, is none', (metric) => {
  const results = example('failing')
  const models = results.models.map((model) => ({ ...model, metric }))
  expect(runResults.safeParse({ ...results, models }).success).toBe(false)
})
