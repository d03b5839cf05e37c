import { basename } from 'node:path'
import type { DeviceCosts, DevicePlan } from '@pare/gpu/session'
import type * as Ort from 'onnxruntime-common'
import type { ModelValue } from '../data/model-value.js'
import { type Runtime, toArray, toTensor } from '../process/runtime.js'
import type { Runnable } from './sparse-run.js'

/** A model on a WebGPU device, with kernels of ours. */
export interface DeviceRun extends Runnable, AsyncDisposable {
  plan(): DevicePlan
  /** Of the last run. */
  costs(): DeviceCosts
}

/** Why a model does not run there. */
export interface NoDeviceRun {
  readonly problem: string
}

/** Inputs are those of the model, as a session of ONNX Runtime states them. What is not there, an adapter or the package that finds one, is no error. */
export async function openOnDevice(
  { ort }: Runtime,
  path: string,
  { threads, inputs }: { readonly threads: number; readonly inputs: readonly ModelValue[] },
): Promise<DeviceRun | NoDeviceRun> {
  try {
    const { GpuSession } = await import('@pare/gpu/session')
    const session = await GpuSession.create(path, { ort, threads, plan: 'device' })
    return {
      name: basename(path),
      inputs,
      plan: () => session.plan,
      costs: () => session.costs,
      async runAll(arrays) {
        const feeds = Object.entries(arrays).map(([name, array]) => [name, toTensor(ort, array)])
        const results = await session.run(Object.fromEntries(feeds))
        return session.outputNames.map((name) => toArray(results[name] as Ort.Tensor, path))
      },
      [Symbol.asyncDispose]: () => session.release(),
    }
  } catch (error) {
    const { message, hint } = error as Error & { hint?: string }
    return { problem: hint === undefined ? message : `${message} ${hint[0]!.toUpperCase()}${hint.slice(1)}` }
  }
}
