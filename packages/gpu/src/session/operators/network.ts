import { map, reshape } from '../../arrays/compute.js'
import type { LazyArray } from '../../arrays/element.js'
import { matmul } from '../../arrays/matmul.js'
import { reduce } from '../../arrays/rows.js'
import { reshaped, transposed } from '../../arrays/views.js'
import { convolve, type MovingWindow, pool } from '../../arrays/window.js'
import { LazyArithmetic } from './elementwise.js'
import { input, type Operator, type RecordedCall, UnsupportedCall } from './recorded-call.js'

function windowOf({ attributes, node }: RecordedCall, places: readonly number[], size: readonly number[]): MovingWindow {
  const ones = size.map(() => 1)
  const [strides, dilations] = [attributes.ints('strides') ?? ones, attributes.ints('dilations') ?? ones]
  const automatic = attributes.string('auto_pad', 'NOTSET')
  if (attributes.int('ceil_mode', 0) !== 0) throw new UnsupportedCall(`${node.op} that rounds its size up`)
  if (automatic.startsWith('SAME')) {
    const total = places.map((length, i) =>
      Math.max(0, (Math.ceil(length / strides[i]!) - 1) * strides[i]! + dilations[i]! * (size[i]! - 1) + 1 - length),
    )
    const [less, more] = [total.map((all) => Math.floor(all / 2)), total.map((all) => Math.ceil(all / 2))]
    const [before, after] = automatic === 'SAME_UPPER' ? [less, more] : [more, less]
    return { size, strides, dilations, before, after }
  }
  const pads = automatic === 'VALID' ? [] : (attributes.ints('pads') ?? [])
  return {
    size,
    strides,
    dilations,
    before: size.map((_, i) => pads[i] ?? 0),
    after: size.map((_, i) => pads[i + size.length] ?? 0),
  }
}

const pooling =
  (kind: 'maximum' | 'mean'): Operator =>
  (call) => {
    const x = input(call, 0)
    if (call.node.outputs.length > 1) throw new UnsupportedCall(`${call.node.op} that gives places`)
    const window = windowOf(call, x.dims.slice(2), call.attributes.ints('kernel_shape', []))
    return pool(call.recording, x, { kind, window, padded: call.attributes.int('count_include_pad', 0) === 1 })
  }

/** [channels] beside [batch, channels, …places]. */
const alongChannels = (vector: LazyArray, { dims }: LazyArray) =>
  reshaped(vector, [vector.dims[0]!, ...dims.slice(2).map(() => 1)])!

export const NETWORK: Readonly<Record<string, Operator>> = {
  MatMul: (call) => matmul(call.recording, input(call, 0), input(call, 1)),
  Gemm(call) {
    const { attributes, inputs, recording } = call
    const it = new LazyArithmetic(call)
    const turned = (index: number, name: string) =>
      attributes.int(name, 0) === 0 ? input(call, index) : transposed(input(call, index), [1, 0])
    const product = matmul(recording, turned(0, 'transA'), turned(1, 'transB'))
    const [alpha, beta, bias] = [attributes.float('alpha', 1), attributes.float('beta', 1), inputs[2]]
    const scaled = alpha === 1 ? product : it.multiply(product, alpha)
    return bias === undefined ? scaled : it.add(scaled, beta === 1 ? bias : it.multiply(bias, beta))
  },
  Conv(call) {
    const [x, weight] = [input(call, 0), input(call, 1)]
    const window = windowOf(call, x.dims.slice(2), weight.dims.slice(2))
    return convolve(call.recording, x, { weight, bias: call.inputs[2], window, groups: call.attributes.int('group', 1) })
  },
  MaxPool: pooling('maximum'),
  AveragePool: pooling('mean'),
  GlobalMaxPool(call) {
    const x = input(call, 0)
    const axes = x.dims.map((_, axis) => axis).slice(2)
    return reshape(call.recording, reduce(call.recording, x, { kind: 'maximum', axes }), [
      x.dims[0]!,
      x.dims[1]!,
      ...axes.map(() => 1),
    ])
  },
  BatchNormalization(call) {
    const it = new LazyArithmetic(call)
    const x = input(call, 0)
    const [scale, bias, mean, variance] = [1, 2, 3, 4].map((i) => input(call, i)) as [LazyArray, LazyArray, LazyArray, LazyArray]
    // γ · (x − μ) / √(σ² + ε) + β
    const root = it.of('squareRoot', 'f32', it.add(variance, call.attributes.float('epsilon', 1e-5)))
    const factor = alongChannels(it.divide(scale, root), x)
    const centred = map(call.recording, { op: 'subtract', type: 'f32' }, [x, alongChannels(mean, x)])
    return it.add(it.multiply(centred, factor), alongChannels(bias, x))
  },
}
