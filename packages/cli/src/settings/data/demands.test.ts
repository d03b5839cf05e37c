import { describe, expect, test } from 'vitest'
import type { Check } from '../check.js'
import { settle } from '../settings.js'
import { withDemands } from './demands.js'
import type { EvaluationSettings } from './evaluation.js'

const evaluation: EvaluationSettings = {
  request: { data: '/val.npz', metrics: ['accuracy'], slices: ['source'] },
  limits: {},
  comparing: [],
  commands: [],
  latency: false,
}

const check: Check = { cwd: '/', folder: '/', overrides: {}, trusted: true, workspace: undefined, problems: [] }
const place = { place: 'gate', check }

describe('demands', () => {
  test('add their metrics, the F1 of classes and the columns of their slices to what is measured', async () => {
    const demands = [
      { maxDrop: 0.01 },
      { metric: 'cross-entropy', max: 3 },
      { classes: true, maxDrop: 0.1 },
      { where: ' language = de', maxDrop: 0.1 },
      { by: 'source', maxDrop: 0.1 },
    ] as const
    expect((await withDemands(evaluation, demands, place))?.request).toMatchObject({
      metrics: ['accuracy', 'cross-entropy', 'f1'],
      slices: ['source', 'language'],
    })
  })

  test('that are limits alone change nothing', async () => {
    expect(await withDemands(evaluation, [{ maxDrop: 0.01 }], place)).toEqual(evaluation)
    expect(await withDemands(undefined, [{ maxDrop: 0.01 }], place)).toBeUndefined()
  })

  test('on the time of a run have it measured', async () => {
    expect((await withDemands(evaluation, [{ maxDrop: 0.01 }, { maxLatency: 1 }], place))?.latency).toBe(true)
  })
})

describe('a gate', () => {
  const gateOf = (top: object | object[] | undefined, own?: object | object[], over?: object) =>
    settle(
      { ...(top && { gate: top as never }) },
      { ...(own && { gate: own as never }) },
      { ...(over && { gate: over as never }) },
    ).gate

  test('of limits joins field by field', () => {
    expect(gateOf({ maxDrop: 0.1, min: 0.5 }, { maxDrop: 0.2 }, { certainty: 0.95 })).toEqual({
      maxDrop: 0.2,
      min: 0.5,
      certainty: 0.95,
    })
  })

  test('that is a list stands for itself, and options say the first demand', () => {
    const list = [{ maxDrop: 0.1 }, { by: 'language', maxDrop: 0.2 }]
    expect(gateOf(list)).toEqual(list)
    expect(gateOf({ maxDrop: 0.5, min: 0.9 }, list)).toEqual(list)
    expect(gateOf(list, { maxDrop: 0.5 })).toEqual({ maxDrop: 0.5 })
    expect(gateOf(list, undefined, { maxDrop: 0.3 })).toEqual([{ maxDrop: 0.3 }, list[1]])
  })
})
