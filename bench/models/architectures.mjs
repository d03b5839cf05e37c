// The networks that bench/structure.mjs cuts: two known ones as their papers and torchvision have them, and two that grow.
import { makeNode, makeTensor } from '@pare/onnx'
import { Network } from './network.mjs'

const IMAGE = 'm (float[N, 3, 224, 224] x) => (float[N, 1000] y)'

/** 25.6 M parameters (He et al. 2015, arXiv 1512.03385; stride in the 3×3 convolution). */
export function resnet50() {
  const net = new Network()
  let x = net.relu(net.norm(net.conv({ name: 'x', channels: 3 }, 64, { kernel: 7, stride: 2 })))
  x = net.pool('MaxPool', x, { kernel: 3, stride: 2, padding: 1 })
  for (const [stage, blocks] of [3, 4, 6, 3].entries())
    for (let block = 0; block < blocks; block++)
      x = bottleneck(net, x, { width: 64 << stage, stride: stage > 0 && block === 0 ? 2 : 1 })
  return net.model(IMAGE, net.classify(x, 1000))
}

function bottleneck(net, x, { width, stride }) {
  const out = 4 * width
  const inner = net.relu(net.norm(net.conv(x, width)))
  const wide = net.relu(net.norm(net.conv(inner, width, { kernel: 3, stride })))
  const shortcut = stride === 1 && x.channels === out ? x : net.norm(net.conv(x, out, { stride }))
  return net.relu(net.add(net.norm(net.conv(wide, out)), shortcut))
}

/** 8.0 M parameters (Huang et al. 2016, arXiv 1608.06993): growth 32, each layer reads what all before it in its block made. */
export function densenet121() {
  const net = new Network()
  let x = net.relu(net.norm(net.conv({ name: 'x', channels: 3 }, 64, { kernel: 7, stride: 2 })))
  x = net.pool('MaxPool', x, { kernel: 3, stride: 2, padding: 1 })
  for (const [stage, layers] of [6, 12, 24, 16].entries()) {
    if (stage > 0) x = net.pool('AveragePool', net.conv(net.relu(net.norm(x)), x.channels / 2), { kernel: 2 })
    const features = [x]
    for (let layer = 0; layer < layers; layer++) {
      const joined = features.length === 1 ? x : net.concat(features)
      const narrow = net.relu(net.norm(net.conv(net.relu(net.norm(joined)), 128)))
      features.push(net.conv(narrow, 32, { kernel: 3 }))
    }
    x = net.concat(features)
  }
  return net.model(IMAGE, net.classify(net.relu(net.norm(x)), 1000))
}

/** 15 M parameters in convolutions and 124 M behind a Flatten of 7 · 7 · 512 (Simonyan & Zisserman 2014, arXiv 1409.1556; with normalisation). */
export function vgg16() {
  const net = new Network()
  let x = { name: 'x', channels: 3 }
  for (const [count, width] of [
    [2, 64],
    [2, 128],
    [3, 256],
    [3, 512],
    [3, 512],
  ]) {
    for (let i = 0; i < count; i++) x = net.relu(net.norm(net.conv(x, width, { kernel: 3 })))
    x = net.pool('MaxPool', x, { kernel: 2 })
  }
  let flat = { name: net.node('Flatten', [x.name]), channels: 49 * x.channels }
  for (const [i, width] of [4096, 4096, 1000].entries()) {
    const inputs = [flat.name, net.weight(`fc${i}.weight`, [width, flat.channels]), net.vector(`fc${i}.bias`, width, 0)]
    flat = { name: net.node('Gemm', inputs, { transB: 1n }), channels: width }
    if (i < 2) flat = net.relu(flat)
  }
  return net.model(IMAGE, flat)
}

/** Residual blocks of two convolutions, seven nodes each, in stages of ten with channels of their own. */
export function deepResidual(nodes) {
  const net = new Network()
  const conv = (x) => net.norm(net.conv(x, 16, { kernel: 3 }))
  let x = net.relu(conv({ name: 'x', channels: 3 }))
  while (net.nodes.length < nodes - 20) {
    const atBorder = Math.floor(net.nodes.length / 70) > Math.floor((net.nodes.length - 7) / 70)
    const shortcut = atBorder ? net.norm(net.conv(x, 16)) : x
    x = net.relu(net.add(conv(net.relu(conv(x))), shortcut))
  }
  return net.model('m (float[N, 3, 32, 32] x) => (float[N, 10] y)', net.classify(x, 10))
}

/** Blocks of attention with four heads and a feed-forward layer as PyTorch exports them, 32 nodes each, all along one residual stream. */
export function deepTransformer(nodes) {
  const net = new Network()
  const width = 16
  const linear = (x, out) => {
    const { name, channels } = x
    const weight = net.weight(`linear_${net.nodes.length}.weight`, [channels, out])
    const product = net.node('MatMul', [name, weight])
    return { name: net.node('Add', [net.vector(`${product}.bias`, out, 0), product]), channels: out }
  }
  const norm = (x) => {
    const at = net.nodes.length
    const inputs = [x.name, net.vector(`norm_${at}.weight`, width, 1), net.vector(`norm_${at}.bias`, width, 0)]
    return { ...x, name: net.node('LayerNormalization', inputs, { axis: -1n }) }
  }
  net.tensors.push(makeTensor({ name: 'split', type: 'int64', values: [0, 0, 4, 4] }))
  net.tensors.push(makeTensor({ name: 'join', type: 'int64', values: [0, 0, 16] }))
  const scale = net.vector('scale', 1, 0.5)
  const heads = (x, perm) => net.node('Transpose', [net.node('Reshape', [x.name, 'split'])], { perm })
  let x = { name: 'x', channels: width }
  while (net.nodes.length < nodes - 32) {
    const inner = norm(x)
    const [q, k, v] = [
      [0n, 2n, 1n, 3n],
      [0n, 2n, 3n, 1n],
      [0n, 2n, 1n, 3n],
    ].map((perm) => heads(linear(inner, width), perm))
    const weights = net.node('Softmax', [net.node('Mul', [net.node('MatMul', [q, k]), scale])], { axis: -1n })
    const mixed = net.node('Transpose', [net.node('MatMul', [weights, v])], { perm: [0n, 2n, 1n, 3n] })
    x = net.add(x, linear({ name: net.node('Reshape', [mixed, 'join']), channels: width }, width))
    const up = linear(norm(x), 4 * width)
    x = net.add(x, linear(net.relu(up), width))
  }
  return net.model('m (float[N, seq, 16] x) => (float[N, seq, 16] y)', x)
}

/** Mixtures of 8 experts as PyTorch exports them, tokens gathered for each of the best two, with that many nodes in all. */
export function deepMixture(nodes) {
  const net = new Network()
  const [width, experts, hidden] = [16, 8, 24]
  const ints = (name, values, shape) => {
    net.tensors.push(makeTensor({ name, type: 'int64', values, ...(shape && { shape }) }))
    return name
  }
  const [two, first, last] = [ints('two', [2]), ints('first', [0]), ints('last', [-1])]
  const [depth, range] = [ints('depth', [experts], []), ints('range', [0, 1])]
  const numbers = Array.from({ length: experts }, (_, e) => ints(`number${e}`, [e], []))
  const nodesOf = (op, inputs, count, attributes = {}) => {
    const outputs = Array.from({ length: count }, (_, i) => `${op}_${net.nodes.length}_${i}`)
    net.nodes.push(makeNode({ op, inputs, outputs, attributes }))
    return outputs
  }
  const linear = (x, inputs, out) => net.node('MatMul', [x, net.weight(`linear_${net.nodes.length}.weight`, [inputs, out])])
  let x = { name: 'x', channels: width }
  while (net.nodes.length < nodes - 26 * experts) {
    const shares = net.node('Softmax', [linear(x.name, width, experts)], { axis: -1n })
    const [top, places] = nodesOf('TopK', [shares, two], 2, { axis: -1n })
    const normed = net.node('Div', [top, net.node('ReduceSum', [top, last])])
    const masks = net.node('Transpose', [net.node('OneHot', [places, depth, range])], { perm: [2n, 1n, 0n] })
    let sum = net.node('ConstantOfShape', [net.node('Shape', [x.name])])
    for (const number of numbers) {
      const found = net.node('NonZero', [net.node('Gather', [masks, number])])
      const [slot, token] = nodesOf('Split', [found], 2, { axis: 0n, num_outputs: 2n })
      const tokens = net.node('Squeeze', [token, first])
      const own = net.node('Gather', [x.name, tokens])
      const gate = linear(own, width, hidden)
      const units = net.node('Mul', [net.node('Mul', [gate, net.node('Sigmoid', [gate])]), linear(own, width, hidden)])
      const at = net.node('Transpose', [net.node('Concat', [token, slot], { axis: 0n })])
      const share = net.node('Unsqueeze', [net.node('GatherND', [normed, at]), last])
      const made = net.node('Mul', [linear(units, hidden, width), share])
      const more = net.node('Add', [net.node('Gather', [sum, tokens]), made])
      sum = net.node('ScatterND', [sum, net.node('Transpose', [token]), more])
    }
    x = net.add(x, { name: sum, channels: width })
  }
  return net.model('m (float[N, 16] x) => (float[N, 16] y)', x)
}
