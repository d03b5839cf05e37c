import { type AnyCriterion, guardCriterion, guardStep, guardStructure, type PresetStep, type Structure } from '@pare/core'
import { expect, test } from 'vitest'

const TITLE = 'says nothing that its contract lacks'

/** The laws of a contract that show once a criterion, solver or unit criterion is made. */
export function criterionLaw(make: () => AnyCriterion): void {
  test(TITLE, () => {
    expect(() => guardCriterion(make(), originOf('criterion', make().name))).not.toThrow()
  })
}

/** Those of a structure, and of what it finds in a model. */
export function structureLaw(make: () => Structure, analyse: () => Promise<Parameters<Structure['find']>[0]>): void {
  test(TITLE, async () => {
    const analysis = await analyse()
    expect(() => guardStructure(make(), originOf('structure', make().name)).find(analysis)).not.toThrow()
  })
}

/** Those of a preset's steps. */
export function presetLaw(name: string, make: () => readonly PresetStep[]): void {
  test(TITLE, () => {
    expect(() => make().map((step, i) => guardStep(step, i + 1, originOf('preset', name)))).not.toThrow()
  })
}

const originOf = (kind: string, name: string) => ({ kind, name, from: 'under test' })
