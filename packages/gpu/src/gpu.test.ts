import { PareError, randomStream } from '@pare/core/backends'
import { describe, expect, test } from 'vitest'
import { ADAPTERS, onEachAdapter, openSoftware } from './adapters.test.support.js'
import { gpuBackend } from './backend.js'
import { GpuLost, openGpu } from './gpu.js'

const none = { requestAdapter: async () => null } as unknown as GPU
const weights = Float32Array.of(1, -2, 3)
const chunk = { weights, start: 0, stream: randomStream(1, 'w') }

test('without an adapter it says what to do', async () => {
  const opening = openGpu({ entry: none })
  await expect(opening).rejects.toThrow(PareError)
  await expect(opening).rejects.toMatchObject({
    message: 'gpu: WebGPU finds no adapter on this machine.',
    hint: expect.stringContaining('--device cpu'),
  })
})

onEachAdapter((gpu) => {
  test('the adapter is known for software, with its limits', () => {
    const { software, limits, name } = gpu().adapter
    expect(software).toBe(true)
    expect(name).toMatch(/SwiftShader|llvmpipe/)
    expect(limits.maxStorageBufferBindingSize).toBeGreaterThanOrEqual(2 ** 27)
  })

  test('a buffer comes back as it went', async () => {
    for (const data of [Uint32Array.of(1, 2, 3), Float32Array.of(0.5), Uint16Array.of(7, 8, 9)]) {
      const back = await gpu().read(gpu().upload(data), data.byteLength)
      expect(new Uint8Array(back)).toEqual(new Uint8Array(data.buffer))
    }
  })

  test('a buffer that cannot be bound is refused before the device is asked', () => {
    expect(() => gpu().buffer(2 ** 33)).toThrow(GpuLost)
  })
})

for (const adapter of ADAPTERS) {
  describe.skipIf(!adapter.isHere)(`a device of ${adapter.name}`, () => {
    test('that is lost says so, whatever is asked of it, and closing it twice does no harm', async () => {
      const gpu = await openSoftware(adapter)
      const kernel = gpuBackend(gpu).compile({ op: 'abs', of: { op: 'weight' } }, 'f32')
      const target = new Float32Array(3)
      await kernel.saliency(chunk, target)
      expect(target).toEqual(Float32Array.of(1, 2, 3))
      gpu.device.destroy()
      await expect(kernel.saliency(chunk, target)).rejects.toThrow(GpuLost)
      await expect(kernel.counts()).rejects.toThrow(GpuLost)
      await gpu[Symbol.asyncDispose]()
      await gpu[Symbol.asyncDispose]()
    })

    test('that is used wrongly throws a fault of ours', async () => {
      await using gpu = await openSoftware(adapter)
      const pipeline = gpu.pipeline('fn main( {')
      await expect(pipeline).rejects.toThrow(/WGSL/)
      await expect(pipeline).rejects.not.toThrow(GpuLost)
    })

    test('that does not please is not opened', async () => {
      process.env.VK_ICD_FILENAMES = adapter.driver
      await expect(openGpu({ accepts: ({ software }) => !software })).rejects.toThrow(
        /none of the adapters will do: '.*' \(software\)/,
      )
    })
  })
}
