import { expect, it } from 'vitest'
import type { ModelResult, RunResults } from '../results/results.js'
import { badgeOf } from './badge.js'

const model: ModelResult = {
  path: 'a.onnx',
  verdict: 'pass',
  reasons: [],
  metric: 'accuracy',
  reference: { path: 'a.onnx', bytes: 200_000, zippedBytes: 189_000, metrics: { accuracy: 0.98 } },
  pruned: { path: 'b.onnx', bytes: 200_000, zippedBytes: 109_000, metrics: { accuracy: 0.97 } },
}
const run = (verdict: RunResults['verdict'], ...models: ModelResult[]): RunResults => ({
  schemaVersion: 1,
  command: 'run',
  verdict,
  models,
})

it('says of one model what became of it, as shields.io takes it', () => {
  expect(badgeOf(run('pass', model))).toEqual({
    schemaVersion: 1,
    label: 'pruned',
    message: 'pass, 109 kB of 189 kB, accuracy 0.98 → 0.97',
    color: 'brightgreen',
  })
})

it('says of several how many pass', () => {
  const failing: ModelResult = { ...model, verdict: 'fail' }
  expect(badgeOf(run('fail', model, failing))).toMatchObject({ message: '1 of 2 models pass', color: 'red' })
})

it('never looks like a pass where something was not measured', () => {
  const { pruned: _, ...rest } = model
  expect(badgeOf(run('incomplete', { ...rest, verdict: 'incomplete' }))).toMatchObject({
    message: 'incomplete',
    color: 'lightgrey',
  })
  expect(badgeOf(run('incomplete'))).toMatchObject({ message: '0 of 0 models pass', color: 'lightgrey' })
})
