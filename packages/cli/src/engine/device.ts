import { availableParallelism } from 'node:os'
import type { Backend } from '@pare/core/backends'
import type { Command } from 'commander'
import { usage } from '../terminal/failure.js'
import type { Progress } from '../terminal/progress.js'

/** What a user may choose for scoring and selecting weights: `auto` uses the CPU. */
export const DEVICES = ['auto', 'cpu', 'gpu'] as const

/** Where it is decided what goes. 'auto' is the CPU: it judges weights in less time than a GPU takes to be sent them (bench/README.md). */
export type DeviceChoice = (typeof DEVICES)[number]

/** Where it was decided. Every device decides the same. */
export interface DeviceFacts {
  readonly kind: 'cpu' | 'gpu'
  /** The adapter, or the threads of the CPU. */
  readonly name: string
  /** Why it is not the one that was asked for. */
  readonly reason?: string
}

export function addDevice(command: Command): Command {
  return command.option('--device <device>', 'where saliencies are computed: auto, cpu, gpu (default: auto)', device)
}

function device(text: string): DeviceChoice {
  const known = DEVICES.find((name) => name === text)
  if (known !== undefined) return known
  throw usage(`pare: --device is '${text}'; expected auto, cpu or gpu.`, 'pare devices lists what is here')
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
