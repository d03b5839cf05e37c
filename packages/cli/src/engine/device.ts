import { availableParallelism } from 'node:os'
import type { Backend } from '@pare/core/backends'
import type { DeviceChoice } from '../options/config.js'
import type { Progress } from '../terminal/progress.js'

/** Where it was decided. Every device decides the same. */
export interface DeviceFacts {
  readonly kind: 'cpu' | 'gpu'
  /** The adapter, or the threads of the CPU. */
  readonly name: string
  /** Why it is not the one that was asked for. */
  readonly reason?: string
}

/** Does the work on the device that was asked for. Where a GPU is lost meanwhile, it is done again on the CPU, and said so. */
export async function onDevice<T>(
  choice: DeviceChoice,
  { progress, label }: { readonly progress: Progress; readonly label: string },
  work: (backend?: Backend) => Promise<T>,
): Promise<{ readonly value: T; readonly device: DeviceFacts }> {
  if (choice !== 'gpu') return { value: await work(), device: CPU }
  const { GpuLost, gpuBackend, openGpu } = await import('@pare/gpu')
  await using gpu = await openGpu()
  const { name, software } = gpu.adapter
  if (software) progress.note(`warning: ${label}: '${name}' computes on the CPU, slower than --device cpu`)
  try {
    return { value: await work(gpuBackend(gpu)), device: { kind: 'gpu', name } }
  } catch (error) {
    if (!(error instanceof GpuLost)) throw error
    const reason = `fell back to the CPU: ${error.message}`
    progress.note(`warning: ${label}: ${reason}`)
    return { value: await work(), device: { ...CPU, reason } }
  }
}

const CPU = { kind: 'cpu', name: `${availableParallelism()} threads` } as const
