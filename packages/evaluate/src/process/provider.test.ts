import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { modelBytes, parseText } from '@pare/onnx'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { array, npzBytes, put, temporaryFolder } from '../fixture.test.files.js'
import { benchModels, compareModels, evaluate, forwardModel } from '../measure/evaluate.js'
import type { ForwardPart } from '../measure/forward.js'
import type { Latency } from '../measure/latency/latency.js'
import { openTrials } from '../measure/trials/open-trials.js'
import { type Provider, providerHint, providerOptions } from './provider.js'

const folder = temporaryFolder()
const ort = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')
// y = x · w: rows (1, 2), (4, 3) give (7, 10), (13, 20).
const text = 'g (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }'
const files = async () => ({
  model: put(folder, 'matmul.onnx', await modelBytes(parseText(text))),
  data: put(
    folder,
    'matmul.npz',
    npzBytes({ x: array('float32', [2, 2], [1, 2, 4, 3]), label: array('float32', [2, 2], [7, 10, 13, 21]) }),
  ),
})

test('a provider is named once and reaches the session as it is', () => {
  expect(providerOptions(ort, 'cpu')).toEqual({ executionProviders: ['cpu'] })
  const some = { listSupportedBackends: () => [{ name: 'cpu', bundled: true }] as never }
  expect(() => providerOptions(some, 'cuda')).toThrow(/provider 'cuda': ONNX Runtime for .* lacks it; it has cpu\.$/)
  expect(providerHint('webgpu')).toContain('Vulkan')
})

describe('all that runs a model runs on the provider', () => {
  const lacking = (['dml', 'coreml'] as const).find(
    (provider) => !ort.listSupportedBackends().some(({ name }) => name === provider),
  )!
  const jobs: Record<string, (provider: Provider) => Promise<unknown>> = {
    evaluate: async (provider) => evaluate({ ...(await files()), metrics: ['mse'] }, { provider }),
    compare: async (provider) => {
      const { model } = await files()
      return compareModels({ reference: model, other: model }, { provider })
    },
    latency: async (provider) => {
      const { model } = await files()
      return benchModels({ reference: model, pruned: model, runs: 6, threads: [1], batches: [1] }, { provider })
    },
    forward: async (provider) => {
      const request = { ...(await files()), sums: [], chunk: 256 }
      const parts: ForwardPart[] = []
      for await (const part of forwardModel(request, { provider })) parts.push(part)
      return parts
    },
    trials: async (provider) => {
      await using trials = openTrials({ ...(await files()), defaults: {} }, { provider })
      return await trials.losses({ settings: [{}], against: 'labels' })
    },
  }

  test.each(Object.keys(jobs))('%s: one that is not there is an error which lists those that are', async (job) => {
    const error: unknown = await jobs[job]!(lacking).catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      message: expect.stringMatching(new RegExp(`^provider '${lacking}': .* lacks it; it has cpu`)),
      hint: expect.stringContaining('--provider'),
    })
  })

  test('results say on which', async () => {
    expect(await jobs.evaluate!('cpu')).toMatchObject({ executionProvider: 'cpu', metrics: { mse: 0.25 } })
    expect(await jobs.latency!('cpu')).toMatchObject({ executionProvider: 'cpu' })
    const ends: unknown[] = []
    const parts = forwardModel({ ...(await files()), sums: [], chunk: 256 }, { onEnd: (end) => ends.push(end) })
    for await (const _ of parts);
    expect(ends).toMatchObject([{ executionProvider: 'cpu', samples: 2 }])
  })

  // A browser brings a Vulkan driver that computes on the CPU, and what loads it.
  const browser = ['/usr/lib/chromium', '/opt/google/chrome'].find((path) => existsSync(`${path}/vk_swiftshader_icd.json`))
  const required = process.env.CI !== undefined && process.platform === 'linux' && process.arch === 'x64'

  describe.skipIf(browser === undefined && !required)('webgpu', () => {
    beforeEach(() => {
      vi.stubEnv('LD_LIBRARY_PATH', browser)
      vi.stubEnv('VK_ICD_FILENAMES', `${browser}/vk_swiftshader_icd.json`)
    })
    afterEach(() => vi.unstubAllEnvs())

    test('gives what the CPU gives', async () => {
      expect(await jobs.evaluate!('webgpu')).toMatchObject({
        ...{ executionProvider: 'webgpu', metrics: { mse: expect.closeTo(0.25, 5) } },
      })
      expect(await jobs.compare!('webgpu')).toMatchObject({ relative: 0 })
      const [part] = (await jobs.forward!('webgpu')) as ForwardPart[]
      expect(part!.outputs.y).toEqual(Float32Array.of(7, 10, 13, 20))
      expect(await jobs.trials!('webgpu')).toEqual([expect.closeTo(0.25, 5)])
    })

    test('a model is timed on kernels of ours too, with what a run moves', async () => {
      const { cases } = (await jobs.latency!('webgpu')) as Latency
      // One product: two numbers go there, two come back.
      expect(cases[0]).toMatchObject({
        sparse: null,
        device: {
          plan: { kind: 'device', software: true, elsewhere: [], products: [{ format: 'dense f16', in: 2, out: 2 }] },
          costs: { submissions: 1, dispatches: 1, uploaded: 8, readBack: 8 },
          timed: { ms: expect.any(Number) },
        },
      })
    })
  })
})
