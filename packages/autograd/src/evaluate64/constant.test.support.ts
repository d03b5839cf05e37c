import { dataTypeOf } from '@pare/onnx'
import { array, count, filled, integers } from './array.test.support.js'
import { type Operators, Unsupported } from './call.test.support.js'

export const constant: Operators = {
  Constant: (call) => {
    const tensor = call.tensor('value')
    if (tensor !== undefined) return [tensor]
    const [[name] = ['']] = call.node.attributes
    if (name === 'value_float') return [array([], Float64Array.of(call.float(name, 0)))]
    if (name === 'value_int') return [array([], Float64Array.of(call.int(name, 0)), 'int64')]
    if (name === 'value_ints') return [integers(call.numbers(name)!)]
    if (name === 'value_floats') return [array([call.numbers(name)!.length], Float64Array.from(call.numbers(name)!))]
    throw new Unsupported(`Constant with ${name}`)
  },
  ConstantOfShape: (call) => {
    const shape = [...call.input(0).data]
    const value = call.tensor('value')
    return [array(shape, new Float64Array(count(shape)).fill(value?.data[0] ?? 0), value?.type)]
  },
  Shape: (call) => [integers(call.input(0).shape.slice(call.int('start', 0), call.int('end', Infinity)))],
  Size: (call) => [array([], Float64Array.of(call.input(0).data.length), 'int64')],
  Range: (call) => {
    const [start, limit, delta] = [0, 1, 2].map((i) => call.input(i).data[0]!) as [number, number, number]
    const length = Math.max(0, Math.ceil((limit - start) / delta))
    return [filled([length], ([i]) => start + i! * delta, call.input(0).type)]
  },
  EyeLike: (call) => {
    const x = call.input(0)
    const k = call.int('k', 0)
    return [filled(x.shape, ([row, column]) => Number(column! - row! === k), dataTypeOf(call.int('dtype', 0)) ?? x.type)]
  },
}
