import { applyPlan, checkStep, countParameters, makePlan, PareError, type PresetStep, type PruneStep } from '@pare/core'
import { type Model, modelBytes } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { presetLaw } from './contract-law.js'
import { tinyModels } from './tiny-models.js'

/** The laws every preset obeys. `make` is called for each test, so that hidden state would show. */
export function testPreset(name: string, make: () => readonly PresetStep[]): void {
  describe(`preset ${name}`, () => {
    test('is a list of at least one step, each with a structure, a criterion and a target', () => {
      expect(make().length).toBeGreaterThan(0)
      for (const { structure, criterion, target } of make()) {
        expect(structure.find).toBeTypeOf('function')
        expect(criterion.name).toBeTypeOf('string')
        expect(structure.sparsity === undefined ? target : (target ?? {})).toBeTypeOf('object')
      }
    })

    presetLaw(name, make)

    test('is the same steps every time', () => {
      expect(make().map(described)).toEqual(make().map(described))
    })

    test('what its steps say goes together, with calibration data and without', () => {
      for (const step of make()) {
        expect(() => checkStep(without(step))).not.toThrow()
        expect(() => checkStep(withData(step))).not.toThrow()
      }
    })

    test.each(Object.entries(tinyModels))('%s is pruned by it, or it says why not', async (_, load) => {
      const model = load()
      const bytes = await modelBytes(model)
      const steps = await planned(model, make().map(without))
      expect(await modelBytes(model)).toEqual(bytes)
      if (steps === undefined) return
      const pruned = await applyPlan(model, { seed: 1, steps })
      const [before, after] = await Promise.all([model, pruned].map((one) => countParameters(one)))
      expect(left(after!)).toBeLessThanOrEqual(left(before!))
    })
  })
}

const left = ({ elements, zeros }: Parameters) => elements - zeros.after

type Parameters = Awaited<ReturnType<typeof countParameters>>

function without({ calibrated: _, ...step }: PresetStep): PruneStep {
  return step
}

/** As it is taken where there are calibration data: their criterion comes with a scope and a norm of its own. */
function withData(step: PresetStep): PruneStep {
  if (step.calibrated === undefined) return without(step)
  const { criterion: _, scope: __, norm: ___, ...rest } = without(step)
  return { ...rest, ...step.calibrated }
}

const described = ({ structure, criterion, calibrated, ...settings }: PresetStep) => ({
  ...{ structure: structure.name, criterion: criterion.name },
  ...{ calibrated: calibrated?.criterion.name, settings },
})

/** The steps of a plan, or undefined where there is a reason why there are none. */
async function planned(model: Model, steps: readonly PruneStep[]) {
  try {
    return (await makePlan(model, steps, { seed: 1 })).steps
  } catch (error) {
    if (error instanceof PareError) return undefined
    throw error
  }
}
