import { float16ToFloat32, float32ToFloat16 } from '@pare/onnx'
import { Tensor } from 'onnxruntime-common'
import type { DeviceType } from '../arrays/element.js'
import { stored } from '../arrays/recording.js'
import type { Gpu } from '../gpu.js'
import { elementTypeOf } from './operators/elementwise.js'
import { UnsupportedCall } from './operators/recorded-call.js'

/** A value that stays on the device from one run to another, as a cache of keys does. Give it back with `using` or `dispose`. */
export class DeviceTensor implements Disposable {
  /** 'float32', 'int64': as ONNX Runtime calls it. On the device a float has 32 bits, and so has an integer. */
  readonly type: string
  readonly dims: readonly number[]
  readonly buffer: GPUBuffer
  readonly #gpu: Gpu

  constructor(gpu: Gpu, { type, dims, buffer }: { type: string; dims: readonly number[]; buffer: GPUBuffer }) {
    this.type = type
    this.dims = dims
    this.buffer = buffer
    this.#gpu = gpu
  }

  /** Its numbers, once all that was submitted is done. */
  async read(): Promise<Tensor> {
    const count = this.dims.reduce((a, b) => a * b, 1)
    return tensorOf(this.type, this.dims, await this.#gpu.read(this.buffer, 4 * count))
  }

  dispose(): void {
    this.buffer.destroy()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

export type DeviceFeeds = Readonly<Record<string, Tensor | DeviceTensor>>
export type DeviceResults = Record<string, Tensor | DeviceTensor>

export const isDeviceTensor = (value: Tensor | DeviceTensor): value is DeviceTensor => value instanceof DeviceTensor

/** How a tensor lies on the device. Throws UnsupportedCall for texts and the like. */
export function typeOnDevice(type: string): DeviceType {
  const elementType = elementTypeOf(type)
  if (elementType === undefined) throw new UnsupportedCall(`values of ${type}`)
  return elementType
}

/** The numbers of a tensor; halves are widened. */
export function numbersOfTensor({ type, data }: Tensor): ArrayLike<number> {
  if (type === 'float16' && data instanceof Uint16Array) return float16ToFloat32(data)
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data, Number)
  return data as Float32Array
}

export const wordsOfTensor = (tensor: Tensor): Float32Array | Uint32Array =>
  stored(numbersOfTensor(tensor), typeOnDevice(tensor.type))

/** A tensor of words as they lie on the device. */
export function tensorOf(type: string, dims: readonly number[], words: ArrayBuffer): Tensor {
  const shape = [...dims]
  const integers = new Int32Array(words)
  switch (type) {
    case 'float32':
      return new Tensor('float32', new Float32Array(words), shape)
    case 'float16':
      return new Tensor('float16', float32ToFloat16(new Float32Array(words)), shape)
    case 'float64':
      return new Tensor('float64', Float64Array.from(new Float32Array(words)), shape)
    case 'int64':
      return new Tensor('int64', BigInt64Array.from(integers, BigInt), shape)
    case 'int32':
      return new Tensor('int32', integers, shape)
    case 'bool':
      return new Tensor('bool', Uint8Array.from(integers), shape)
    case 'uint8':
      return new Tensor('uint8', Uint8Array.from(integers), shape)
    default:
      throw new UnsupportedCall(`results of ${type}`)
  }
}
