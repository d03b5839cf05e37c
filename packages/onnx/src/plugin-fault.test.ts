import { expect, it } from 'vitest'
import { PareError } from './error.js'
import { blamed, pluginFault, refuseStray } from './plugin-fault.js'

const origin = { kind: 'metric', name: 'near', from: 'pare-metric-near 1.0.0' }

it('a fault says whose it is, what was expected, and whom to tell', () => {
  const fault = pluginFault(origin, { problem: 'it gave 3', expected: 'a name' })
  expect(fault.message).toBe("metric 'near' (pare-metric-near 1.0.0): it gave 3; a name was expected.")
  expect(fault.hint).toContain('a fault of the plugin')
  const { from: _, ...imported } = origin
  expect(pluginFault(imported, { problem: 'a', expected: 'b' }).message).toContain('(imported by the config)')
  const own = pluginFault({ ...imported, comesWithPare: true }, { problem: 'a', expected: 'b' })
  expect([own.message, own.hint]).toEqual([
    expect.stringContaining('(comes with Pare)'),
    expect.stringContaining('a fault of Pare'),
  ])
})

it('what a plugin throws is its fault, but for refusals and aborts', async () => {
  const thrown = (error: unknown) => () => {
    throw error
  }
  expect(blamed(origin, 'read', () => 3)).toBe(3)
  expect(await blamed(origin, 'read', async () => 3)).toBe(3)
  expect(() => blamed(origin, 'read', thrown(new TypeError('no')))).toThrow(
    /read threw .*no.*; a result, or a PareError with a reason was expected/,
  )
  await expect(blamed(origin, 'read', async () => thrown('odd')())).rejects.toThrow(/read threw .*odd/)
  const refusal = new PareError('not so.', { hint: 'so.' })
  const abort = Object.assign(new Error('over'), { name: 'AbortError' })
  for (const error of [refusal, abort]) expect(() => blamed(origin, 'read', thrown(error))).toThrow(error)
})

it('a member that the contract lacks is named, with those that it has', () => {
  const members = { name: true, needs: true } as const
  expect(() => refuseStray(origin, { what: 'it', value: { name: 'a', need: 1 }, members })).toThrow(
    /it has a member 'need' \(1\).*needs/,
  )
  expect(() => refuseStray(origin, { what: 'it', value: { name: 'a', needs: {} }, members })).not.toThrow()
})
