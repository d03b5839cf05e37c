import { type Analysis, analyse, applyPlan, type Criterion, guardStructure, makePlan, type Structure } from '@pare/core'
import { type Model, modelBytes, readAll, withTensors } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { structureLaw } from './contract-law.js'
import { tinyModels } from './tiny-models.js'

/** The laws every structure that masks obeys, on every tiny model it finds something in. */
export function testStructure(make: () => Structure): void {
  const { name, sparsity: fixed } = make()
  describe.each(Object.entries(tinyModels))(`structure ${name} on %s`, (_, model) => {
    const findings = () => make().find(analyse(model()))

    structureLaw(make, async () => analyse(model()))

    test('groups have ids of their own, the same every time', () => {
      const ids = findings().groups.map(({ id }) => id)
      expect(new Set(ids).size).toBe(ids.length)
      expect(findings().groups.map(({ id }) => id)).toEqual(ids)
    })

    test('the pattern it names, if any, is that of its groups', () => {
      const { pattern } = make()
      const patterns = findings().groups.flatMap((group) => (group.kind === 'mask' ? [group.pattern.kind] : []))
      if (pattern !== undefined) expect(patterns.filter((kind) => kind !== pattern)).toEqual([])
    })

    test('every weight that is not declined is in a group', () => {
      const analysis: Analysis = analyse(model())
      const { groups, declined } = make().find(analysis)
      const covered = new Set([
        ...groups.flatMap((group) => (group.kind === 'mask' ? [group.weight.id] : [])),
        ...declined.map(({ id }) => id),
      ])
      for (const weight of analysis.weights) expect(covered).toContain(weight.id)
    })

    test('finding changes nothing', async () => {
      const before = model()
      const bytes = await modelBytes(before)
      make().find(analyse(before))
      expect(await modelBytes(before)).toEqual(bytes)
    })

    const guarded = () => guardStructure(make(), { kind: 'structure', name, from: 'under test' })

    test.skipIf(fixed !== undefined)('pruning nothing changes nothing', async () => {
      const before = model()
      if (findings().groups.length === 0) return expect(findings().groups).toEqual([])
      const { steps } = await makePlan(before, [{ structure: guarded(), criterion, target: { sparsity: 0 } }], { seed: 1 })
      expect(await modelBytes(await applyPlan(before, { seed: 1, steps }))).toEqual(await modelBytes(before))
    })

    test.each(
      fixed === undefined ? [0.25, 0.5, 1] : [fixed],
    )('at %s exactly the planned elements are zero and all others are untouched', async (sparsity) => {
      const before = model()
      if (findings().groups.length === 0) return expect(findings().groups).toEqual([])
      const { steps } = await makePlan(before, [{ structure: guarded(), criterion, target: { sparsity } }], { seed: 1 })
      const after = await values(await applyPlan(before, { seed: 1, steps }))
      for (const [i, tensor] of (await values(before)).entries()) {
        const changed = tensor
          .map((value, j) => ({ value, now: after[i]![j]! }))
          .filter(({ value, now }) => !Object.is(value, now))
        for (const { now } of changed) expect(now).toBe(0)
      }
      const planned = steps.flatMap((step) => (step.kind === 'mask' ? step.weights : []))
      const sum = (key: 'elements' | 'zeros' | 'masked') => planned.reduce((total, entry) => total + entry[key], 0)
      expect(await zerosOf(await applyPlan(before, { seed: 1, steps }))).toBe(
        (await zerosOf(before)) + sum('masked') - sum('zeros'),
      )
      const target = Math.max(sum('zeros'), Math.round(sparsity * sum('elements')))
      const groups = findings().groups.flatMap((group) => (group.kind === 'mask' ? [group.pattern.kind] : []))
      // What goes in blocks may fall short of a target. It exceeds none, but for zeros that were there in places that a pattern keeps.
      const keepsZeros = fixed !== undefined || groups.includes('own')
      if (groups.every((kind) => kind === 'free')) expect(sum('masked')).toBe(target)
      else expect(sum('masked')).toBeLessThanOrEqual(target + (keepsZeros ? sum('zeros') : 0))
    })
  })
}

async function zerosOf(model: Model): Promise<number> {
  return (await values(model)).flat().filter((value) => value === 0).length
}

const criterion: Criterion = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }

/** The elements of all f32 tensors, in order. */
async function values(model: Model): Promise<number[][]> {
  const payloads: Model['graph']['initializers'][number]['data'][] = []
  withTensors(model, (tensor) => {
    if (tensor.type === 'float32') payloads.push(tensor.data)
    return tensor
  })
  return Promise.all(payloads.map(async (payload) => [...new Float32Array((await readAll(payload)).buffer)]))
}
