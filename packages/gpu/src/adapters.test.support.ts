import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe } from 'vitest'
import { type Gpu, type GpuOptions, openGpu } from './gpu.js'

// Debian: SwiftShader comes with chromium, lavapipe with mesa-vulkan-drivers (25 or later, from backports). Vulkan finds a driver by this variable.
const DRIVERS = {
  SwiftShader: ['/usr/lib/chromium/vk_swiftshader_icd.json'],
  lavapipe: ['/usr/share/vulkan/icd.d/lvp_icd.json', '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json'],
}
const required = process.env.CI === 'true' && process.platform === 'linux'

/** Software adapters, whether they are here or not. SwiftShader must be here under CI=true on Linux: there its tests fail without it. */
export const ADAPTERS = Object.entries(DRIVERS).map(([name, paths]) => {
  const driver = paths.find(existsSync)
  return { name, driver: driver ?? paths[0]!, isHere: driver !== undefined || (required && name === 'SwiftShader') }
})

/** Opens a software adapter. */
export async function openSoftware({ driver }: { readonly driver: string }, options: GpuOptions = {}): Promise<Gpu> {
  process.env.VK_ICD_FILENAMES = driver
  return openGpu(options)
}

/** The same tests on each software adapter. Those that are not here are skipped, visibly. */
export function onEachAdapter(tests: (gpu: () => Gpu) => void): void {
  for (const adapter of ADAPTERS) {
    describe.skipIf(!adapter.isHere)(`on ${adapter.name}`, () => {
      let gpu: Gpu | undefined
      beforeAll(async () => {
        gpu = await openSoftware(adapter)
      })
      afterAll(() => gpu?.[Symbol.asyncDispose]())
      tests(() => gpu!)
    })
  }
}
