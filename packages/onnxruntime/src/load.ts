import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import type * as Common from 'onnxruntime-common'
import { OnnxRuntimeError } from './error.js'
import { findInstalled } from './find.js'
import { switchOffTelemetry } from './telemetry.js'

/** What the package onnxruntime-node exports. */
export type OnnxRuntime = typeof Common & {
  /** The execution providers of this build. */
  listSupportedBackends(): readonly { readonly name: string; readonly bundled: boolean }[]
}

/**
 * Loads ONNX Runtime, its telemetry switched off, from the folder of an onnxruntime-node package. Default: the one that the project has, or that was fetched before.
 * Throws OnnxRuntimeError where there is none or it cannot be loaded.
 */
export function loadOnnxRuntime(folder: string | undefined = findInstalled()): OnnxRuntime {
  if (folder === undefined) throw new OnnxRuntimeError('ONNX Runtime is not installed.', { hint: INSTALL })
  switchOffTelemetry()
  // onnxruntime-node 1.30 passes Float16Array to native code that does not know it. Without it, halves are bits in a Uint16Array.
  // It looks when its first tensor is made.
  const half = Object.getOwnPropertyDescriptor(globalThis, 'Float16Array')
  if (half) Reflect.deleteProperty(globalThis, 'Float16Array')
  try {
    const ort = createRequire(import.meta.url)(resolve(folder)) as OnnxRuntime
    new ort.Tensor('float16', new Uint16Array(1), [1])
    return ort
  } catch (cause) {
    throw new OnnxRuntimeError(`ONNX Runtime cannot be loaded from ${folder}: ${(cause as Error).message}`, {
      hint: `on Linux it needs glibc 2.28 or later (Alpine's musl will not do). Remove the folder to have it fetched again, or name another one.`,
      cause,
    })
  } finally {
    if (half) Object.defineProperty(globalThis, 'Float16Array', half)
  }
}

const INSTALL =
  'call provideOnnxRuntime first, which fetches it once, or install it with ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node.'
