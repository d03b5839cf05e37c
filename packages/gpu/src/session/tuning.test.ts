import { parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { ADAPTER, openDevice, openOn } from './session.test.support.js'
import { tuningOf } from './tuning.js'

test.skipIf(ADAPTER === undefined)(
  'an adapter is measured once, and what was found can be given to the next session',
  async () => {
    await using gpu = await openDevice()
    const tuning = await tuningOf(gpu)
    expect(tuning.adapter).toBe(gpu.adapter.name)
    expect(tuning.tried.map(({ threads }) => threads)).toEqual([64, 128, 256])
    expect(Math.min(...tuning.tried.map(({ ms }) => ms))).toBe(tuning.tried.find(({ threads }) => threads === tuning.threads)!.ms)
    expect(tuning.floorMs).toBeGreaterThan(0)
    expect(await tuningOf(gpu)).toBe(tuning)
    await using session = await openOn(
      gpu,
      parseText('<ir_version: 8, opset_import: ["" : 17]> g (float[N] x) => (float[N] y) { y = Tanh(x) }'),
      { ort: null, tuning },
    )
    expect(session.tuning).toBe(tuning)
  },
)
