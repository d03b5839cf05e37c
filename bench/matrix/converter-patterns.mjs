// Networks as converters besides PyTorch's write them: of TensorFlow, Keras and JAX, Paddle, MXNet, Darknet, scikit-learn, and what ONNX Runtime's optimiser leaves.

const D = 16
const tokens = (b) => b.input('x', ['N', 'S', D])
/** Images as TensorFlow has them: channels behind. */
const pixels = (b) => b.input('x', ['N', 16, 16, 3])
const toChannelsFirst = (b, x) => b.transpose(x, [0, 3, 1, 2])
const toChannelsLast = (b, x) => b.transpose(x, [0, 2, 3, 1])

function einsum(b, equation, ...inputs) {
  b.from(12)
  b.only('f32', 'f16')
  return b.node('Einsum', inputs, `equation = "${equation}"`)
}

/** A dense layer of Keras: x · w + b, of as many axes as the equation says. */
const dense = (b, equation, x, shape, bias) => b.add(einsum(b, equation, x, b.tensor(shape)), b.tensor(bias))

/** A convolution between transposes, its bias added behind. */
function convLast(b, x, from, to, options = {}) {
  const y = toChannelsLast(b, b.conv(toChannelsFirst(b, x), from, to, { ...options, bias: false }))
  return b.add(y, b.tensor([to]))
}

function clip6(b, x) {
  return b.opset < 11 ? b.node('Clip', [x], 'min = 0.0, max = 6.0') : b.node('Clip', [x, b.scalar(0), b.scalar(6)])
}

/** (x − mean) · γ / √(variance + ε) + β from single operators, as TensorFlow's batchnorm is folded: x · s + (β − mean · s). */
function batchNormByRsqrt(b, x, channels) {
  const [variance, mean, beta] = [b.tensor([channels], { about: 1, scale: 0.2 }), b.tensor([channels]), b.tensor([channels])]
  const root = b.node('Reciprocal', [b.node('Sqrt', [b.add(variance, b.scalar(0.001))])])
  const scale = b.mul(root, b.tensor([channels], { about: 1 }))
  return b.add(b.mul(x, scale), b.node('Sub', [beta, b.mul(mean, scale)]))
}

const leaky = (b, x) => b.node('LeakyRelu', [x], 'alpha = 0.1')
const darknet = (b, x, from, to, options) => leaky(b, b.batchNorm(b.conv(x, from, to, { ...options, bias: false }), to))

export const CONVERTERS = {
  'keras: attention and feed-forward of Einsum': (b) => {
    const x = tokens(b)
    const n = b.layerNorm(x, D)
    const [q, k, v] = [0, 1, 2].map(() => dense(b, 'abc,cde->abde', n, [D, 4, 4], [4, 4]))
    const scores = b.softmax(einsum(b, 'aecd,abcd->acbe', k, b.mul(q, b.scalar(0.5))), 4)
    const y = b.add(x, dense(b, 'abcd,cde->abe', einsum(b, 'acbe,aecd->abcd', scores, v), [4, 4, D], [D]))
    const h = b.gelu(dense(b, 'abc,cd->abd', b.layerNorm(y, D), [D, 24], [24]))
    b.output(b.add(y, dense(b, 'abd,dc->abc', h, [24, D], [D])), 3)
  },
  'flax: attention of Einsum with ellipses': (b) => {
    const x = tokens(b)
    const [q, k, v] = [0, 1, 2].map(() => einsum(b, '...d,hkd->...hk', x, b.tensor([4, 4, D])))
    const scores = b.softmax(einsum(b, '...qhd,...khd->...hqk', q, k), 4)
    b.output(b.add(x, einsum(b, '...hd,hdm->...m', einsum(b, '...hqk,...khd->...qhd', scores, v), b.tensor([4, 4, D]))), 3)
  },
  'heads with weights of their own by Einsum': (b) => {
    const x = tokens(b)
    const heads = b.transpose(b.reshape(b.linear(x, D, D), [0, -1, 4, 4]), [0, 2, 1, 3])
    const own = b.relu(einsum(b, 'bhld,hde->bhle', heads, b.tensor([4, 4, 6])))
    const y = einsum(b, 'bhle,hed->bhld', own, b.tensor([4, 6, 4]))
    b.output(b.linear(b.reshape(b.transpose(y, [0, 2, 1, 3]), [0, -1, D]), D, 5), 3)
  },
  'tensorflow: convolutions between transposes': (b) => {
    let x = clip6(b, convLast(b, pixels(b), 3, 8))
    x = b.add(x, clip6(b, convLast(b, clip6(b, convLast(b, x, 8, 12)), 12, 8)))
    b.output(b.linear(b.node('ReduceMean', [x], 'axes = [1, 2], keepdims = 0'), 8, 5), 2)
  },
  'tensorflow: batch norm by reciprocal roots': (b) => {
    b.only('f32')
    let x = pixels(b)
    for (const [from, to] of [
      [3, 8],
      [8, 12],
    ])
      x = b.relu(batchNormByRsqrt(b, convLast(b, x, from, to), to))
    b.output(b.linear(b.reshape(x, [-1, 16 * 16 * 12]), 16 * 16 * 12, 5), 2)
  },
  'tensorflow: a kernel with its channels behind, and SAME pads': (b) => {
    b.only('f32')
    b.from(11)
    const x = b.relu(b.conv(toChannelsFirst(b, pixels(b)), 3, 8))
    const kernel = b.reshape(b.transpose(b.tensor([3, 3, 8, 1]), [2, 3, 0, 1]), [8, 1, 3, 3])
    const padded = b.node('Pad', [x, b.ints([0, 0, 0, 0, 0, 0, 1, 1])], 'mode = "constant"')
    const deep = b.node('Conv', [padded, kernel, b.tensor([8])], 'kernel_shape = [3, 3], strides = [2, 2], group = 8')
    const point = b.node('Conv', [b.relu(deep), b.transpose(b.tensor([1, 1, 8, 12]), [3, 2, 0, 1])], 'kernel_shape = [1, 1]')
    b.classify(b.relu(toChannelsFirst(b, b.add(toChannelsLast(b, point), b.tensor([12])))), 12)
  },
  'tensorflow: squeezed and excited between transposes': (b) => {
    const x = clip6(b, convLast(b, pixels(b), 3, 8))
    const mean = b.node('ReduceMean', [x], 'axes = [1, 2], keepdims = 1')
    const gate = b.node('Sigmoid', [convLast(b, b.relu(convLast(b, mean, 8, 4, { kernel: 1 })), 4, 8, { kernel: 1 })])
    const y = convLast(b, b.mul(x, gate), 8, 12)
    b.output(b.linear(b.squeeze(b.node('ReduceMean', [y], 'axes = [1, 2], keepdims = 1'), [1, 2]), 12, 5), 2)
  },
  'paddle: biases reshaped, hard swish by clip': (b) => {
    b.only('f32', 'f16')
    const swish = (x) => b.mul(x, b.node('Div', [clip6(b, b.add(x, b.scalar(3))), b.scalar(6)]))
    const conv = (x, from, to) => swish(b.add(b.conv(x, from, to, { bias: false }), b.reshape(b.tensor([to]), [1, to, 1, 1])))
    const x = conv(conv(b.input('x', ['N', 3, 16, 16]), 3, 8), 8, 12)
    const pooled = b.node('GlobalAveragePool', [x])
    const first = b.slice(b.node('Shape', [pooled]), 0, 0, 1)
    b.output(b.linear(b.reshape(pooled, [0, 12]), 12, 5), 2)
    b.output(
      b.reshape(b.node('MatMul', [b.node('Reshape', [pooled, b.concat([first, b.ints([12])], 0)]), b.tensor([12, 4])]), [0, 4]),
      2,
    )
  },
  'mxnet: slopes, fixed gamma and a normed embedding': (b) => {
    const prelu = (x, channels) => b.node('PRelu', [x, b.tensor([channels, 1, 1], { about: 0.25, scale: 0.1 })])
    let x = b.input('x', ['N', 3, 16, 16])
    x = prelu(b.batchNorm(b.conv(x, 3, 8, { bias: false }), 8), 8)
    const inner = prelu(b.batchNorm(b.conv(b.batchNorm(x, 8), 8, 12, { bias: false }), 12), 12)
    x = b.maxPool(b.add(x, b.batchNorm(b.conv(inner, 12, 8, { bias: false }), 8)))
    const y = b.gemm(b.node('Dropout', [b.node('Flatten', [x])]), 8 * 64, 12)
    b.output(b.node('LpNormalization', [b.gemm(b.relu(y), 12, 6)], 'axis = 1, p = 2'), 2)
  },
  'darknet: routes, upsampling and three anchors': (b) => {
    const x = darknet(b, b.input('x', ['N', 3, 32, 32]), 3, 8)
    const low = b.add(x, darknet(b, darknet(b, x, 8, 4, { kernel: 1 }), 4, 8))
    const high = darknet(b, b.maxPool(low), 8, 16)
    const route = b.concat([b.upsample(darknet(b, high, 16, 8, { kernel: 1 })), low], 1)
    for (const [y, channels, side] of [
      [high, 16, 16],
      [darknet(b, route, 16, 12), 12, 32],
    ]) {
      const boxes = b.reshape(b.conv(y, channels, 21, { kernel: 1 }), [0, 3, 7, side * side])
      const [centre, rest] = b.split(b.transpose(boxes, [0, 1, 3, 2]), [2, 5], 3)
      b.output(b.reshape(b.concat([b.node('Sigmoid', [centre]), rest], 3), [0, -1, 7]), 3)
    }
  },
  'darknet: a focus of every second pixel, pooled in three sizes': (b) => {
    b.from(10)
    const x = b.input('x', ['N', 3, 32, 32])
    const parts = [0, 1].flatMap((row) => [0, 1].map((column) => b.slice(b.slice(x, 2, row, 1000, 2), 3, column, 1000, 2)))
    const y = darknet(b, b.concat(parts, 1), 12, 8)
    const narrow = darknet(b, y, 8, 4, { kernel: 1 })
    const pooled = [5, 9, 13].map((kernel) => b.maxPool(narrow, kernel, 1, kernel >> 1))
    b.classify(darknet(b, b.concat([narrow, ...pooled], 1), 16, 12, { kernel: 1 }), 12)
  },
  'caffe: groups, local normalisation and a ceiling': (b) => {
    const lrn = (x) => b.node('LRN', [x], 'size = 5, alpha = 0.0001, beta = 0.75, bias = 1.0')
    let x = lrn(b.relu(b.conv(b.input('x', ['N', 3, 16, 16]), 3, 8)))
    x = b.relu(b.conv(b.maxPool(x), 8, 12, { group: 2 }))
    const y = b.relu(b.gemm(b.reshape(x, [-1, 12 * 64]), 12 * 64, 24))
    b.output(b.softmax(b.gemm(b.node('Dropout', [y]), 24, 5), 2), 2)
  },
  'scikit-learn: a network of matrices, labels and probabilities': (b) => {
    b.only('f32')
    const x = b.input('x', ['N', 8])
    let h = b.node('Cast', [x], 'to = 1')
    for (const [from, to] of [
      [8, 24],
      [24, 12],
    ])
      h = b.relu(b.add(b.node('MatMul', [h, b.tensor([from, to])]), b.tensor([1, to])))
    const y = b.softmax(b.add(b.node('MatMul', [h, b.tensor([12, 3])]), b.tensor([1, 3])), 2)
    b.output(b.node('Gather', [b.ints([10, 20, 30]), b.node('ArgMax', [y], 'axis = 1, keepdims = 0')]), 1, 'int64')
    b.output(y, 2)
  },
  'onnxruntime: fused convolutions with sums': (b) => {
    b.only('f32')
    const conv = (x, from, to, more = []) =>
      b.node(
        'com.microsoft.FusedConv',
        [x, b.tensor([to, from, 3, 3]), b.tensor([to]), ...more],
        'activation = "Relu", kernel_shape = [3, 3], pads = [1, 1, 1, 1]',
      )
    const x = conv(b.input('x', ['N', 3, 16, 16]), 3, 8)
    b.classify(conv(conv(conv(x, 8, 12), 12, 8, [x]), 8, 12), 12)
  },
  'onnxruntime: a fused encoder': (b) => {
    b.only('f32')
    const ids = b.input('ids', ['N', 8], 'int32')
    const norm = () => [b.tensor([D], { about: 1 }), b.tensor([D])]
    const [embedded] = b.nodes(
      'com.microsoft.EmbedLayerNormalization',
      [ids, '', b.tensor([20, D]), b.tensor([8, D]), '', ...norm()],
      2,
      'epsilon = 0.00001',
    )
    const attended = b.node('com.microsoft.Attention', [embedded, b.tensor([D, 3 * D]), b.tensor([3 * D])], 'num_heads = 4')
    const skip = (x, y, bias) => b.node('com.microsoft.SkipLayerNormalization', [x, y, ...norm(), bias], 'epsilon = 0.00001')
    const x = skip(b.node('MatMul', [attended, b.tensor([D, D])]), embedded, b.tensor([D]))
    const h = b.node('com.microsoft.BiasGelu', [b.node('MatMul', [x, b.tensor([D, 24])]), b.tensor([24])])
    const y = skip(b.node('com.microsoft.FusedMatMul', [h, b.tensor([D, 24])], 'transB = 1, alpha = 0.5'), x, b.tensor([D]))
    b.output(b.gemm(b.node('Gather', [y, b.scalar(0, 'int64')], 'axis = 1'), D, 5), 2)
  },
  'onnxruntime: convolutions with channels behind': (b) => {
    b.only('f32')
    const conv = (x, from, to) =>
      b.node(
        'com.microsoft.NhwcFusedConv',
        [x, b.tensor([to, from, 3, 3]), b.tensor([to])],
        'activation = "Relu", kernel_shape = [3, 3], pads = [1, 1, 1, 1]',
      )
    const x = conv(conv(toChannelsLast(b, b.input('x', ['N', 3, 16, 16])), 3, 8), 8, 12)
    b.classify(toChannelsFirst(b, x), 12)
  },
  'torch of old: weights in Constant nodes, masks of dropout': (b) => {
    b.only('f32')
    const constant = (shape) => {
      const [name, values] = [b.fresh('k'), b.numbers(shape)]
      b.raw(`${name} = Constant<value = float[${shape}] {${Array.from(values, (value) => value.toFixed(6)).join(', ')}}>()`)
      return name
    }
    const conv = (x, from, to) =>
      b.node(
        'Conv',
        [x, constant([to, from, 3, 3]), constant([to])],
        'dilations = [1, 1], group = 1, kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [1, 1]',
      )
    let x = b.relu(b.batchNorm(conv(b.input('x', ['N', 3, 16, 16]), 3, 8), 8))
    x = b.upsample(b.relu(conv(b.maxPool(x), 8, 12)))
    const [kept] = b.nodes(
      'Dropout',
      [b.node('Flatten', [b.node('GlobalAveragePool', [x])], 'axis = 1')],
      2,
      b.opset < 12 ? 'ratio = 0.5' : '',
    )
    b.output(b.gemm(kept, 12, 5), 2)
  },
  'channels taken in any order, some twice and some not': (b) => {
    const x = b.relu(b.conv(b.input('x', ['N', 3, 16, 16]), 3, 8))
    const y = b.node('Gather', [x, b.ints([5, 0, 3, 3, 7, 1, 5, 2, 6])], 'axis = 1')
    b.classify(b.relu(b.conv(y, 9, 12)), 12)
  },
}
