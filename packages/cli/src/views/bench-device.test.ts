import type { DeviceLatency, LatencyCase } from '@pare/evaluate'
import { expect, it } from 'vitest'
import { renderDevice } from './bench-device.js'

const product = { weight: 'w', in: 64, out: 256, sparsity: 0.9, format: 'rows f32', bytes: 10_000, denseBytes: 65_536 }
const timed = {} as DeviceLatency['timed']
const device: DeviceLatency = {
  plan: {
    ...{ kind: 'device', reason: 'it was asked for.', adapter: 'a GPU', software: false, deviceNodes: 5, stages: 2, segments: 1 },
    elsewhere: [
      { id: 'a', op: 'TopK', reason: 'there is no kernel for this operator' },
      { id: 'b', op: 'TopK', reason: 'there is no kernel for this operator' },
    ],
    products: [
      { id: 'p', ...product },
      { id: 'q', ...product },
    ],
    floorMs: 0.25,
  },
  costs: { submissions: 2, dispatches: 7, uploaded: 256, readBack: 40, copied: 0, weights: 20_000, values: 4096 },
  timed,
}

it('says what runs on the device, what does not and why, and what a run moves', () => {
  const text = renderDevice([{ batch: 1, device } as unknown as LatencyCase], 120)
  expect(text).toContain(
    "On kernels of Pare\u2019s own on 'a GPU' 5 of its nodes run there, 2 on ONNX Runtime between them (2\u00d7 TopK: there is no kernel for this operator). Its multiplied weights take 20 kB, and would take 131 kB dense in f32.",
  )
  expect(text).toContain(
    'Batch 1: 7 kernels in 2 submissions; a run sends 256 B and reads 40 B. One submission with its answer takes 0.250 ms here.',
  )
  expect(text).toMatch(/^p and 1 like it +64 × 256 +90\.0 % +rows f32 +10 kB +6\.55×$/m)
})

it('says why there is none', () => {
  const problem = 'gpu: WebGPU finds no adapter on this machine. Install the driver of the GPU.'
  expect(renderDevice([{ batch: 1, device: { problem } } as unknown as LatencyCase], 120)).toBe(
    `The pruned model was not tried on kernels of Pare\u2019s own: ${problem}`,
  )
  expect(renderDevice([{ batch: 1, device: null } as unknown as LatencyCase], 120)).toBeUndefined()
})
