import { findMetric, readMetric, writeMetric } from '@pare/evaluate'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { configSchema } from '../../options/config.js'
import { fixture, TEST_MODELS } from '../../testing/folder.js'
import { checkShape } from '../config/config-problems.js'
import { readTasks } from '../tasks.js'

const config = (more: object) => ({ models: [{ path: `${TEST_MODELS}/mlp-digits.onnx` }], ...more }) as never
const data = `${TEST_MODELS}/data/digits-evaluate.npz`

describe('a metric with options in fields', () => {
  it('is the metric that the text says, in evaluate and in a demand', async () => {
    await using folder = await fixture(undefined, {})
    const read = (evaluate: object, gate?: object) =>
      readTasks({ cwd: folder.path, config: config({ evaluate, ...(gate && { gate }) }), overrides: {}, trusted: true })
    const fields = { name: 'f1', average: 'micro' }
    const gate = [{ metric: { name: 'top-k', k: 3 }, maxDrop: 0.1 }]
    const own = (await read({ data, metric: ['accuracy', fields] }, gate)).tasks[0]!
    const text = (await read({ data, metric: ['accuracy', 'f1:average=micro'] }, [{ metric: 'top-k:k=3', maxDrop: 0.1 }]))
      .tasks[0]!
    expect(own.evaluation).toEqual(text.evaluation)
    expect(own.demands).toEqual(text.demands)
    expect(own.evaluation?.request.metrics).toEqual(['accuracy', 'f1:average=micro', 'top-k:k=3'])
    expect((await read({ data, metric: fields })).tasks[0]?.evaluation?.request.metrics).toEqual(['f1:average=micro'])
  })

  it('is refused where its options are wrong, with the place', async () => {
    await using folder = await fixture(undefined, {})
    const say = (evaluate: object, gate?: object) =>
      readTasks({ cwd: folder.path, config: config({ evaluate, ...(gate && { gate }) }), overrides: {}, trusted: true }).then(
        () => 'nothing',
        (error: Error) => error.message,
      )
    expect(await say({ data, metric: { name: 'f1', averge: 'micro' } })).toContain(`metric f1 has no option 'averge' ("micro")`)
    expect(await say({ data, metric: { name: 'f1', average: 'mean' } })).toContain(
      'average is "mean"; macro, micro, weighted or binary was expected',
    )
    expect(await say({ data, metric: { name: 'f1', average: 'a,b' } })).toContain("average is 'a,b', and a comma ends an option")
    expect(await say({ data, metric: { name: 'f1:average=micro', zero: 1 } })).toContain(
      'has options in its name, and more beside it',
    )
    expect(await say({ data }, [{ metric: { name: 'accurac' }, max: 1 }])).toContain('gate[0].metric: metric')
  })

  it('is told apart from what is no metric, by the schema', () => {
    const problemsOf = (metric: unknown) => checkShape({ evaluate: { metric } }, configSchema).problems
    expect(problemsOf([{ name: 'f1', average: 'micro' }, 'accuracy'])).toEqual([])
    expect(problemsOf({ average: 'micro' })[0]?.message).toContain('is {"average":"micro"}; expected a metric such as')
    expect(problemsOf({ name: 'f1', average: ['micro'] })[0]).toMatchObject({ place: 'evaluate.metric.average' })
  })
})

it('fields and text say the same: what is written is read back', () => {
  const word = fc.stringMatching(/^[a-z][a-z-]{0,6}[a-z]$/)
  const value = fc.oneof(
    fc.integer(),
    fc.boolean(),
    word.filter((text) => text !== 'true' && text !== 'false'),
  )
  fc.assert(
    fc.property(word, fc.dictionary(word, value), (name, options) => {
      expect(readMetric(writeMetric({ ...options, name } as never))).toEqual({ name, options: { ...options } })
    }),
  )
})

it('a metric has the name that its text says', async () => {
  expect((await findMetric(writeMetric({ name: 'top-k', k: 5 }))).name).toBe('top-k:k=5')
})
