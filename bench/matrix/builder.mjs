// Writes networks as ONNX text, each operator in the form that an opset has.
import { parseText } from '@pare/onnx'

/** Thrown where an opset, or a type, has no such network. */
export class Absent extends Error {}

export class Builder {
  #nodes = []
  #declared = []
  #values = {}
  #inputs = []
  #outputs = []
  #functions = []
  #names = 0

  /** `type`: 'f32', 'f16', or 'qdq': weights of int8 with a scale for each output, activations between of uint8. */
  constructor({ opset, type }) {
    this.opset = opset
    this.type = type
    this.float = type === 'f16' ? 'float16' : 'float'
    this.to = type === 'f16' ? 10 : 1
  }

  /** Refuses opsets before the first that has an operator. */
  from(opset) {
    if (this.opset < opset) throw new Absent(`from opset ${opset} on`)
  }

  only(...types) {
    if (!types.includes(this.type)) throw new Absent(`of ${types}`)
  }

  input(name, dims, type = this.float) {
    this.#inputs.push(`${type}[${dims.join(', ')}] ${name}`)
    return name
  }

  output(value, rank, type = this.float) {
    this.#outputs.push(`${type}[${Array.from({ length: rank }, (_, i) => `${value}_${i}`).join(', ')}] ${value}`)
  }

  node(op, inputs, attributes = '') {
    return this.nodes(op, inputs, 1, attributes)[0]
  }

  nodes(op, inputs, count, attributes = '') {
    const outputs = Array.from({ length: count }, () => this.fresh('v'))
    this.#nodes.push(`${outputs.join(', ')} = ${op}${attributes && `<${attributes}>`}(${inputs.join(', ')})`)
    return outputs
  }

  raw(text) {
    this.#nodes.push(text)
  }

  local(text) {
    this.#functions.push(text)
  }

  fresh(letter) {
    return `${letter}${this.#names++}`
  }

  /** Numbers that look random, of a deviation that keeps activations in range. */
  numbers(shape, { about = 0, scale } = {}) {
    const count = shape.reduce((a, b) => a * b, 1)
    const fan = shape.length < 2 ? 9 : count / Math.max(shape[0], 1)
    const size = scale ?? (shape.length < 2 ? 0.2 : 1.5 / Math.sqrt(fan))
    const seed = this.#names * 7919 + 1
    return Float32Array.from({ length: count }, (_, i) => about + size * noise(seed + i * 31))
  }

  tensor(shape, options) {
    const name = this.fresh('w')
    this.#declared.push(`${this.float}[${shape.join(', ')}] ${name}`)
    this.#values[name] = this.numbers(shape, options)
    return name
  }

  /** A matrix or kernel; `axis`: that of its outputs. */
  weight(shape, axis = 0) {
    if (this.type !== 'qdq') return this.tensor(shape)
    this.from(10)
    const values = this.numbers(shape)
    const stride = shape.slice(axis + 1).reduce((a, b) => a * b, 1)
    const perChannel = this.opset >= 13
    const scales = new Float32Array(perChannel ? shape[axis] : 1)
    const of = (i) => (perChannel ? Math.floor(i / stride) % shape[axis] : 0)
    values.forEach((value, i) => {
      scales[of(i)] = Math.max(scales[of(i)], Math.abs(value) / 127)
    })
    const [codes, scale, zero] = [this.fresh('q'), this.fresh('s'), this.fresh('z')]
    const size = perChannel ? `[${shape[axis]}]` : ''
    this.#declared.push(`int8[${shape.join(', ')}] ${codes}`, `float${size} ${scale}`, `int8${size} ${zero}`)
    this.#values[codes] = Array.from(values, (value, i) => Math.round(value / scales[of(i)]))
    this.#values[scale] = scales
    this.#values[zero] = Array.from(scales, () => 0)
    return this.node('DequantizeLinear', [codes, scale, zero], perChannel ? `axis = ${axis}` : '')
  }

  /** Rounded to 8 bits, where types are of that kind. */
  rounded(x) {
    if (this.type !== 'qdq') return x
    const [scale, zero] = [this.fresh('s'), this.fresh('z')]
    this.#declared.push(`float ${scale} = {0.03125}`, `uint8 ${zero} = {128}`)
    return this.node('DequantizeLinear', [this.node('QuantizeLinear', [x, scale, zero]), scale, zero])
  }

  scalar(value, type = this.float) {
    const name = this.fresh('c')
    this.#declared.push(`${type} ${name} = {${type.startsWith('float') && Number.isInteger(value) ? `${value}.0` : value}}`)
    return name
  }

  ints(values, type = 'int64') {
    const name = this.fresh('n')
    this.#declared.push(`${type}[${values.length}] ${name} = {${values.join(', ')}}`)
    return name
  }

  floats(values, type = 'float') {
    const name = this.fresh('f')
    this.#declared.push(`${type}[${values.length}] ${name}`)
    this.#values[name] = Float32Array.from(values)
    return name
  }

  conv(
    x,
    from,
    to,
    { kernel = 3, stride = 1, dilation = 1, group = 1, rank = 2, pad = (dilation * (kernel - 1)) >> 1, bias = true } = {},
  ) {
    const all = (value) => Array(rank).fill(value).join(', ')
    const weight = this.weight([to, from / group, ...Array(rank).fill(kernel)], 0)
    const attributes = `kernel_shape = [${all(kernel)}], strides = [${all(stride)}], dilations = [${all(dilation)}], group = ${group}, pads = [${Array(
      2 * rank,
    )
      .fill(pad)
      .join(', ')}]`
    return this.node('Conv', [this.rounded(x), weight, ...(bias ? [this.tensor([to])] : [])], attributes)
  }

  transposedConv(x, from, to, { kernel = 2, stride = 2, group = 1 } = {}) {
    const weight = this.weight([from, to / group, kernel, kernel], group === 1 ? 1 : 0)
    return this.node(
      'ConvTranspose',
      [x, weight, this.tensor([to])],
      `kernel_shape = [${kernel}, ${kernel}], strides = [${stride}, ${stride}], group = ${group}`,
    )
  }

  linear(x, from, to, { bias = true } = {}) {
    const product = this.node('MatMul', [this.rounded(x), this.weight([from, to], 1)])
    return bias ? this.node('Add', [product, this.tensor([to])]) : product
  }

  gemm(x, from, to) {
    return this.node('Gemm', [this.rounded(x), this.weight([to, from], 0), this.tensor([to])], 'transB = 1')
  }

  relu(x) {
    return this.node('Relu', [x])
  }

  silu(x) {
    return this.node('Mul', [x, this.node('Sigmoid', [x])])
  }

  gelu(x) {
    const erf = this.node('Erf', [this.node('Div', [x, this.scalar(Math.SQRT2)])])
    const product = this.node('Mul', [x, this.node('Add', [erf, this.scalar(1)])])
    return this.node('Mul', [product, this.scalar(0.5)])
  }

  batchNorm(x, channels) {
    const variance = this.tensor([channels], { about: 1, scale: 0.2 })
    return this.node('BatchNormalization', [
      x,
      this.tensor([channels], { about: 1 }),
      this.tensor([channels]),
      this.tensor([channels]),
      variance,
    ])
  }

  layerNorm(x, width) {
    const [scale, shift] = [this.tensor([width], { about: 1 }), this.tensor([width])]
    if (this.opset >= 17) return this.node('LayerNormalization', [x, scale, shift], 'axis = -1')
    const centred = this.node('Sub', [x, this.mean(x, [-1])])
    const variance = this.mean(this.node('Pow', [centred, this.scalar(2)]), [-1])
    const deviation = this.node('Sqrt', [this.node('Add', [variance, this.scalar(0.00001)])])
    return this.node('Add', [this.node('Mul', [this.node('Div', [centred, deviation]), scale]), shift])
  }

  rmsNorm(x, width) {
    const mean = this.mean(this.node('Pow', [x, this.scalar(2)]), [-1])
    const root = this.node('Sqrt', [this.node('Add', [mean, this.scalar(0.00001)])])
    return this.node('Mul', [this.node('Div', [x, root]), this.tensor([width], { about: 1 })])
  }

  mean(x, axes, keep = 1) {
    return this.node('ReduceMean', [x], `axes = [${axes}], keepdims = ${keep}`)
  }

  sum(x, axes, keep = 1) {
    if (this.opset < 13) return this.node('ReduceSum', [x], `axes = [${axes}], keepdims = ${keep}`)
    return this.node('ReduceSum', [x, this.ints(axes)], `keepdims = ${keep}`)
  }

  unsqueeze(x, axes) {
    return this.opset < 13 ? this.node('Unsqueeze', [x], `axes = [${axes}]`) : this.node('Unsqueeze', [x, this.ints(axes)])
  }

  squeeze(x, axes) {
    return this.opset < 13 ? this.node('Squeeze', [x], `axes = [${axes}]`) : this.node('Squeeze', [x, this.ints(axes)])
  }

  split(x, sizes, axis) {
    if (this.opset < 13) return this.nodes('Split', [x], sizes.length, `axis = ${axis}, split = [${sizes}]`)
    return this.nodes('Split', [x, this.ints(sizes)], sizes.length, `axis = ${axis}`)
  }

  slice(x, axis, start, end, step = 1) {
    if (this.opset < 10) {
      if (step !== 1) this.from(10)
      return this.node('Slice', [x], `axes = [${axis}], starts = [${start}], ends = [${end}]`)
    }
    return this.node('Slice', [x, this.ints([start]), this.ints([end]), this.ints([axis]), this.ints([step])])
  }

  softmax(x, rank) {
    return this.node('Softmax', [x], `axis = ${this.opset < 13 ? rank - 1 : -1}`)
  }

  reshape(x, dims) {
    return this.node('Reshape', [x, this.ints(dims)])
  }

  transpose(x, perm) {
    return this.node('Transpose', [x], `perm = [${perm}]`)
  }

  concat(parts, axis) {
    return this.node('Concat', parts, `axis = ${axis}`)
  }

  add(a, b) {
    return this.node('Add', [a, b])
  }

  mul(a, b) {
    return this.node('Mul', [a, b])
  }

  maxPool(x, kernel = 2, stride = kernel, pad = 0) {
    return this.node(
      'MaxPool',
      [x],
      `kernel_shape = [${kernel}, ${kernel}], strides = [${stride}, ${stride}], pads = [${pad}, ${pad}, ${pad}, ${pad}]`,
    )
  }

  upsample(x) {
    const scales = this.floats([1, 1, 2, 2])
    if (this.opset < 10) return this.node('Upsample', [x, scales])
    if (this.opset === 10) return this.node('Resize', [x, scales])
    return this.node(
      'Resize',
      [x, this.opset < 13 ? this.floats([]) : '', scales],
      'coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"',
    )
  }

  /** The mean over an image, through a last matrix. */
  classify(x, channels, classes = 5) {
    const y = this.gemm(this.node('Flatten', [this.node('GlobalAveragePool', [x])]), channels, classes)
    this.output(y, 2)
  }

  model() {
    const opsets = [`"" : ${this.opset}`, '"com.microsoft" : 1', ...(this.#functions.length ? ['"local" : 1'] : [])]
    const header = `<ir_version: ${this.#functions.length ? 8 : 7}, opset_import: [${opsets.join(', ')}]>`
    const text = `${header} g (${this.#inputs.join(', ')}) => (${this.#outputs.join(', ')}) <${this.#declared.join(', ')}> {\n${this.#nodes.join('\n')}\n}\n${this.#functions.join('\n')}`
    return parseText(text, this.#values)
  }
}

/** −1 … 1, the same every time. */
function noise(seed) {
  let x = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b)
  x ^= x >>> 13
  x = Math.imul(x, 0xc2b2ae35)
  x ^= x >>> 16
  return (x >>> 0) / 2 ** 31 - 1
}
