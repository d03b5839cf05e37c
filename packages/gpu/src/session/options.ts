import type { OnnxRuntime } from '@pare/onnxruntime'
import type * as Ort from 'onnxruntime-common'
import type { Gpu, GpuOptions } from '../gpu.js'
import type { Tuning } from './tuning.js'

export interface GpuSessionOptions {
  /** The device, which stays open. Default: the fastest adapter, opened with `adapter` and closed with the session */
  readonly gpu?: Gpu
  /** How the device is chosen, where none is given. Default: the first adapter */
  readonly adapter?: GpuOptions
  /**
   * ONNX Runtime, for nodes without a kernel and to compare with; null for none. Default: in Node the onnxruntime-node that the project has, else one that is
   * fetched once on this machine; in browsers none.
   */
  readonly ort?: OnnxRuntime | Pick<typeof Ort, 'InferenceSession' | 'Tensor'> | null
  /**
   * 'measured': for each size of inputs what is faster, the device or ONNX Runtime on the CPU; 'device': the device. Default: 'measured', and 'device' where
   * there is no ONNX Runtime
   */
  readonly plan?: 'measured' | 'device'
  /** Weights with fewer zeros, as a share, lie dense on the device. Default: 0.5 */
  readonly leastSparsity?: number
  /** Outputs that stay on the device, as DeviceTensors that the next run takes. Default: none */
  readonly keep?: readonly string[]
  /** How kernels are cut on this adapter, where that is known. Default: measured when the session opens, once for each adapter of a process */
  readonly tuning?: Tuning
  /** Threads of ONNX Runtime. Default: all cores */
  readonly threads?: number
  /** Whether external data may be hard links, as in caches of model hubs. Default: false */
  readonly trusted?: boolean
}
