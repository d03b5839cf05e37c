// Networks written node by node, with normally distributed weights.
import { editGraph, editModel, makeNode, makePayload, makeTensor, parseText } from '@pare/onnx'

/** Collects nodes and weights. Values are { name, channels }. */
export class Network {
  nodes = []
  tensors = []
  #normal = normalStream(1)

  node(op, inputs, attributes = {}) {
    const name = `${op}_${this.nodes.length}`
    this.nodes.push(makeNode({ op, name, inputs, outputs: [name], attributes }))
    return name
  }

  /** f32[shape], deviation √(2 ÷ fan in). */
  weight(name, shape) {
    const length = shape.reduce((a, b) => a * b, 1)
    const scale = Math.sqrt((2 * shape[0]) / length)
    const values = Float32Array.from({ length }, () => scale * this.#normal())
    this.tensors.push(makeTensor({ name, type: 'float32', shape, data: makePayload(new Uint8Array(values.buffer)) }))
    return name
  }

  /** f32[length], the same number everywhere. */
  vector(name, length, value) {
    this.tensors.push(makeTensor({ name, type: 'float32', values: new Float32Array(length).fill(value) }))
    return name
  }

  conv(x, out, { kernel = 1, stride = 1, padding = (kernel - 1) / 2 } = {}) {
    const weight = this.weight(`conv_${this.nodes.length}.weight`, [out, x.channels, kernel, kernel])
    const attributes = {
      kernel_shape: [BigInt(kernel), BigInt(kernel)],
      strides: [BigInt(stride), BigInt(stride)],
      pads: Array(4).fill(BigInt(padding)),
    }
    return { name: this.node('Conv', [x.name, weight], attributes), channels: out }
  }

  norm(x) {
    const name = `norm_${this.nodes.length}`
    const vectors = [
      ['weight', 1],
      ['bias', 0],
      ['running_mean', 0],
      ['running_var', 1],
    ].map(([vector, value]) => this.vector(`${name}.${vector}`, x.channels, value))
    return { ...x, name: this.node('BatchNormalization', [x.name, ...vectors]) }
  }

  relu(x) {
    return { ...x, name: this.node('Relu', [x.name]) }
  }

  add(x, y) {
    return { ...x, name: this.node('Add', [x.name, y.name]) }
  }

  pool(op, x, { kernel, stride = kernel, padding = 0 }) {
    const attributes = {
      kernel_shape: [BigInt(kernel), BigInt(kernel)],
      strides: [BigInt(stride), BigInt(stride)],
      pads: Array(4).fill(BigInt(padding)),
    }
    return { ...x, name: this.node(op, [x.name], attributes) }
  }

  concat(parts) {
    const channels = parts.reduce((total, part) => total + part.channels, 0)
    return {
      name: this.node(
        'Concat',
        parts.map(({ name }) => name),
        { axis: 1n },
      ),
      channels,
    }
  }

  /** Average over the image, then a Gemm. */
  classify(x, classes) {
    const flat = this.node('Flatten', [this.node('GlobalAveragePool', [x.name])])
    const weight = this.weight('fc.weight', [classes, x.channels])
    return { name: this.node('Gemm', [flat, weight, this.vector('fc.bias', classes, 0)], { transB: 1n }), channels: classes }
  }

  /** The model from `signature`, in ONNX text without its body: 'm (float[N, 3, 224, 224] x) => (float[N, 1000] y)'. */
  model(signature, output) {
    const empty = parseText(`${signature} { y = Identity(x) }`)
    const nodes = [...this.nodes, makeNode({ op: 'Identity', name: 'output', inputs: [output.name], outputs: ['y'] })]
    return editModel(empty, { graph: editGraph(empty.graph, { nodes, initializers: this.tensors }) })
  }
}

/** Sums of four uniform numbers, of deviation 1. */
function normalStream(seed) {
  let state = seed
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return () => (uniform() + uniform() + uniform() + uniform() - 2) * Math.sqrt(3)
}
