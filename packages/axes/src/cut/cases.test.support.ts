import { modelBytes } from '@pare/onnx'
import { expect, test } from 'vitest'
import { type Coupling, findCoupling } from '../dependency/groups.js'
import { type Tiny, tinyModel } from '../dependency/rules/rules.test.support.js'
import { difference } from '../random/laws.test.support.js'
import { cut } from './cut.js'
import { gated } from './gated.js'
import type { Removals } from './remaining.js'

/** A model, and what of it may be cut. */
export interface CutCase {
  readonly model: Tiny
  /** 'w:1 8, v:0 4': groups that may be cut, with their units, in the order of the graph. */
  readonly groups: string
  /** Of a group that must not be cut, the reason. */
  readonly held?: Readonly<Record<string, string>>
  /** Relative. Default: 1e-5, for f32 */
  readonly tolerance?: number
}

/** `flag`: what conditions are. */
export const SIZES = [
  { N: 1, S: 3, flag: 1 },
  { N: 3, S: 7, flag: 0 },
]

/** Groups are those that are expected, and the cut model computes what the gated one does, in ONNX Runtime, at two sizes. */
export function testCases(cases: Readonly<Record<string, CutCase>>): void {
  test.each(Object.entries(cases))('%s', async (_, { model, groups, held = {}, tolerance = 1e-5 }) => {
    const parsed = tinyModel(model)
    const coupling = await findCoupling(parsed)
    expect(listed(coupling)).toBe(groups)
    for (const [id, reason] of Object.entries(held))
      expect(`${id}: ${coupling.groups.find((group) => group.id === id)?.held}`).toBe(`${id}: ${reason}`)
    expect(await modelBytes(cut(parsed, coupling.dependencies, new Map()))).toEqual(await modelBytes(parsed))
    for (const removals of [odd(coupling), allButOne(coupling)]) {
      if (removals.size === 0) continue
      const [expected, actual] = [gated, cut].map((make) => make(parsed, coupling.dependencies, removals))
      expect((await modelBytes(actual!)).length).not.toBe((await modelBytes(parsed)).length)
      expect(await difference(expected!, actual!, SIZES)).toBeLessThan(tolerance)
    }
  })
}

function free({ groups }: Coupling) {
  return groups.filter(({ held }) => held === undefined)
}

export const listed = (coupling: Coupling) =>
  free(coupling)
    .map(({ id, units }) => `${id} ${units}`)
    .join(', ')

/** About half of every group. */
export function odd(coupling: Coupling): Removals {
  return removalsOf(coupling, (unit) => unit % 2)
}

/** The last unit of every group stays. */
function allButOne(coupling: Coupling): Removals {
  return removalsOf(coupling, (unit, units) => (unit < units ? 1 : 0))
}

function removalsOf(coupling: Coupling, gone: (unit: number, units: number) => number): Removals {
  return new Map(
    free(coupling).map(({ id, units, least = 1 }) => [
      coupling.atoms.get(id)!,
      // As many as must stay are the last ones.
      Uint8Array.from({ length: units }, (_, unit) => gone(unit, units - least)),
    ]),
  )
}
