import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Backend } from '@pare/core/backends'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { fixture } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'
import { onDevice } from './device.js'

// SwiftShader comes with Debian's chromium. Vulkan finds a driver by this variable.
const DRIVER = '/usr/lib/chromium/vk_swiftshader_icd.json'
const hasGpu = existsSync(DRIVER) || (process.env.CI === 'true' && process.platform === 'linux')
const DRIVERS = process.env.VK_ICD_FILENAMES

/** What Dawn looks at: the environment of this process, not that of the command. */
function drivers(path: string | undefined): void {
  if (path === undefined) delete process.env.VK_ICD_FILENAMES
  else process.env.VK_ICD_FILENAMES = path
}

afterEach(() => {
  drivers(DRIVERS)
  vi.doUnmock('@pare/gpu')
})

describe('--device', () => {
  it.skipIf(!hasGpu).each([
    ['--sparsity', '0.6'],
    ['--sparsity', '0.6', '--scope', 'row'],
    ['--structure', 'neuron', '--ratio', '0.3'],
    ['--criterion', 'random'],
  ])('gpu writes the same bytes as cpu, and both are told: %s %s %s %s', async (...options) => {
    drivers(DRIVER)
    await using folder = await fixture()
    const files = await Promise.all(
      ['cpu', 'gpu'].map(async (device) => {
        const { exitCode, json } = await pare(
          ['prune', 'model.onnx', ...options, '--device', device, '--out', device, '--json'],
          {
            cwd: folder.path,
          },
        )
        expect(exitCode).toBe(0)
        expect(json()).toMatchObject({ device: { kind: device } })
        return readFile(join(folder.path, device, 'model.onnx'))
      }),
    )
    expect(files[1]!.equals(files[0]!)).toBe(true)
  })

  it('auto is the CPU', async () => {
    await using folder = await fixture()
    const { json } = await pare(['plan', 'model.onnx', '--json'], { cwd: folder.path })
    expect(json()).toMatchObject({ device: { kind: 'cpu', name: expect.stringMatching(/^\d+ threads$/) } })
  })

  it('gpu without an adapter fails with the cure', async () => {
    drivers('/nothing')
    await using folder = await fixture()
    const { exitCode, stderr } = await pare(['prune', 'model.onnx', '--device', 'gpu'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('WebGPU finds no adapter on this machine')
    expect(stderr).toContain('or --device cpu')
  })

  it('another word is a usage error', async () => {
    await using folder = await fixture()
    const { exitCode, stderr } = await pare(['prune', 'model.onnx', '--device', 'tpu'], { cwd: folder.path })
    expect(exitCode).toBe(2)
    expect(stderr).toContain("--device is 'tpu'; expected auto, cpu or gpu")
  })

  it('of a run stands in the config, which an option wins over, and in its results', async () => {
    drivers('/nothing')
    await using folder = await fixture(undefined, {
      'pare.config.json': '{ "device": "gpu", "models": [{ "path": "model.onnx" }] }',
    })
    const refused = (await pare(['run', '--json'], { cwd: folder.path })).json()
    expect(refused).toHaveProperty('models.0.reasons.0', expect.stringContaining('WebGPU finds no adapter on this machine'))
    const result = (await pare(['run', '--json', '--device', 'cpu'], { cwd: folder.path })).json()
    expect(result).toHaveProperty('models.0.device', { kind: 'cpu', name: expect.stringMatching(/^\d+ threads$/) })
  })

  it('of a run is auto where nothing is said, and another word in the config is a problem of it', async () => {
    await using folder = await fixture()
    expect((await pare(['run', 'model.onnx', '--json'], { cwd: folder.path })).json()).toHaveProperty(
      'models.0.device.kind',
      'cpu',
    )
    await writeFile(join(folder.path, 'pare.config.json'), '{ "device": "tpu" }')
    const { exitCode, stderr } = await pare(['run', 'model.onnx'], { cwd: folder.path })
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("expected 'auto', 'cpu' or 'gpu'")])
  })

  it('a GPU that is lost is told once, and the CPU does it again', async () => {
    class GpuLost extends Error {}
    const close = vi.fn()
    const gpuBackend = () => ({ name: 'gpu' })
    const openGpu = async () => ({ adapter: { name: 'Lost', software: false }, [Symbol.asyncDispose]: close })
    vi.doMock('@pare/gpu', () => ({ GpuLost, gpuBackend, openGpu }))
    const notes: string[] = []
    const progress = { begin: () => ({ update() {}, end() {} }), note: (text: string) => void notes.push(text) }
    const work = async (backend?: Backend) => {
      if (backend !== undefined) throw new GpuLost('gpu: the device was lost: unplugged')
      return 3
    }
    const { value, device } = await onDevice('gpu', { progress, label: 'm' }, work)
    expect(value).toBe(3)
    expect(device).toMatchObject({ kind: 'cpu', reason: 'fell back to the CPU: gpu: the device was lost: unplugged' })
    expect(notes).toEqual(['warning: m: fell back to the CPU: gpu: the device was lost: unplugged'])
    expect(close).toHaveBeenCalledOnce()
  })
})

describe('pare devices', () => {
  it.skipIf(!hasGpu)('lists adapters and execution providers', async () => {
    drivers(DRIVER)
    const { exitCode, json } = await pare(['devices', '--json'], { cwd: '.' })
    expect(exitCode).toBe(0)
    expect(json()).toMatchObject({
      command: 'devices',
      adapters: [{ name: 'SwiftShader driver 5.0.0', software: true, subgroups: { min: 4, max: 4 } }],
      providers: expect.arrayContaining([{ name: 'cpu', bundled: true }]),
    })
    const { stdout } = await pare(['devices'], { cwd: '.' })
    expect(stdout).toMatch(/^adapter +kind +subgroups +f16 +largest buffer$/m)
    expect(stdout).toMatch(/^SwiftShader driver 5\.0\.0 +software +4 +no +1\.07 GB$/m)
    expect(stdout).toMatch(/ONNX Runtime runs on: cpu/)
  })

  it('says what is missing where there is no adapter, and passes', async () => {
    drivers('/nothing')
    const { exitCode, stdout } = await pare(['devices'], { cwd: '.' })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('WebGPU finds no adapter on this machine.')
  })
})
