import { modelBytes, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { put, temporaryFolder } from '../../fixture.test.files.js'
import { measure } from '../../measure/measure.js'
import { loadRuntime } from '../../process/runtime.js'
import type { SamplePart } from './part.js'

const folder = temporaryFolder()
const TEXT = '<ir_version: 8, opset_import: ["" : 17]> g (float[n, 2] x) => (float[n, 2] y) { y = Identity(x) }'

/** 400 samples of 40 sites; every third is answered wrongly. */
const ROWS = Array.from({ length: 400 }, (_, i) => ({ right: i % 3 !== 0, site: `s${i % 40}` }))

async function measured(part: SamplePart | undefined, more: { readonly group?: string; readonly batch?: number } = {}) {
  const model = put(folder, 'identity.onnx', await modelBytes(parseText(TEXT)))
  const lines = ROWS.map(({ right, site }) => `${right ? '1,0' : '0,1'},0,${site}`)
  const data = put(folder, 'd.csv', `x[0],x[1],label,site\n${lines.join('\n')}\n`)
  const request = { model, data, metrics: ['accuracy'], slices: ['site'], ...more, ...(part && { part }) }
  const { samples, facts, measurements } = await measure(loadRuntime(), request)
  const [{ samples: own }] = measurements as [(typeof measurements)[0]]
  const { names, of } = facts!.slices[0]!
  return { samples, ids: facts!.ids, sites: of.map((one) => names[one]!), correct: own.kind === 'proportion' ? own.correct : [] }
}

test('two halves hold every sample once, each with its label and columns', async () => {
  const halves = [await measured({ seed: 7, from: 0, to: 0.5 }), await measured({ seed: 7, from: 0.5, to: 1 })]
  expect(halves[0]!.samples + halves[1]!.samples).toBe(400)
  // Four standard deviations of a draw of 400 are 40.
  expect(Math.abs(halves[0]!.samples - 200)).toBeLessThan(40)
  const numbers = halves.flatMap(({ ids }) => ids!.map(Number))
  expect([...numbers].sort((a, b) => a - b)).toEqual(ROWS.map((_, i) => i))
  for (const { ids, sites, correct } of halves)
    for (const [i, id] of ids!.entries()) {
      const row = ROWS[Number(id)]!
      expect([sites[i], correct[i]]).toEqual([row.site, Number(row.right)])
    }
})

test('a quarter lies within its half, whatever the batch; another seed draws others', async () => {
  const half = await measured({ seed: 7, from: 0, to: 0.5 })
  const quarter = await measured({ seed: 7, from: 0, to: 0.25 }, { batch: 7 })
  const others = await measured({ seed: 8, from: 0, to: 0.5 })
  expect(quarter.samples).toBeLessThan(half.samples)
  expect(quarter.ids!.every((id) => half.ids!.includes(id))).toBe(true)
  expect(others.ids).not.toEqual(half.ids)
})

test('samples of one group stay together', async () => {
  const half = await measured({ seed: 7, from: 0, to: 0.5 }, { group: 'site' })
  const rest = await measured({ seed: 7, from: 0.5, to: 1 }, { group: 'site' })
  const [own, theirs] = [new Set(half.sites), new Set(rest.sites)]
  expect(own.size + theirs.size).toBe(40)
  expect(half.samples).toBe(own.size * 10)
  expect([...own].some((site) => theirs.has(site))).toBe(false)
})

test('a part that nothing falls into is told, with what to do', async () => {
  await expect(measured({ seed: 7, from: 0.5, to: 0.5000001 })).rejects.toThrow('too few samples to take a part of them')
})
