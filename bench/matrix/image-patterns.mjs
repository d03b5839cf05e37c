// Networks for images and signals, small.

const image = (b, channels = 3, dims = ['N', channels, 'H', 'W']) => b.input('x', dims)
const fixed = (b, channels = 3, size = 16) => b.input('x', ['N', channels, size, size])

export const IMAGES = {
  'plain cnn': (b) => {
    let x = b.relu(b.conv(image(b), 3, 8))
    x = b.maxPool(b.relu(b.conv(x, 8, 12)))
    b.classify(b.relu(b.conv(x, 12, 8)), 8)
  },
  'cnn with batch norm': (b) => {
    let x = b.relu(b.batchNorm(b.conv(image(b), 3, 8, { bias: false }), 8))
    x = b.relu(b.batchNorm(b.conv(x, 8, 12, { bias: false, stride: 2 }), 12))
    b.classify(x, 12)
  },
  'flatten to gemm': (b) => {
    const x = b.maxPool(b.relu(b.conv(fixed(b), 3, 8)))
    const h = b.relu(b.gemm(b.node('Flatten', [x]), 8 * 64, 16))
    b.output(b.gemm(h, 16, 4), 2)
  },
  resnet: (b) => {
    let x = b.relu(b.batchNorm(b.conv(image(b), 3, 8), 8))
    for (let i = 0; i < 3; i++) {
      const h = b.batchNorm(b.conv(b.relu(b.batchNorm(b.conv(x, 8, 8), 8)), 8, 8), 8)
      x = b.relu(b.add(x, h))
    }
    b.classify(x, 8)
  },
  'resnet, pre-activation': (b) => {
    let x = b.conv(image(b), 3, 8)
    for (let i = 0; i < 3; i++) x = b.add(x, b.conv(b.relu(b.batchNorm(b.conv(b.relu(b.batchNorm(x, 8)), 8, 6), 6)), 6, 8))
    b.classify(b.relu(x), 8)
  },
  'u-net': (b) => {
    const x = fixed(b)
    const one = b.relu(b.conv(x, 3, 8))
    const two = b.relu(b.conv(b.maxPool(one), 8, 16))
    const low = b.relu(b.conv(b.maxPool(two), 16, 16))
    const up = b.relu(b.conv(b.concat([b.upsample(low), two], 1), 32, 8))
    b.output(b.conv(b.relu(b.conv(b.concat([b.transposedConv(up, 8, 8), one], 1), 16, 8)), 8, 2, { kernel: 1 }), 4)
  },
  'resnext groups': (b) => {
    const x = b.relu(b.conv(image(b), 3, 16))
    const h = b.relu(b.batchNorm(b.conv(b.relu(b.conv(x, 16, 8, { kernel: 1 })), 8, 8, { group: 4 }), 8))
    b.classify(b.relu(b.add(x, b.conv(h, 8, 16, { kernel: 1 }))), 16)
  },
  'shufflenet v1': (b) => {
    let x = b.relu(b.conv(fixed(b), 3, 16))
    const h = b.relu(b.batchNorm(b.conv(x, 16, 16, { kernel: 1, group: 4 }), 16))
    const shuffled = b.reshape(b.transpose(b.reshape(h, [-1, 4, 4, 16, 16]), [0, 2, 1, 3, 4]), [-1, 16, 16, 16])
    x = b.add(x, b.conv(b.conv(shuffled, 16, 16, { group: 16 }), 16, 16, { kernel: 1, group: 4 }))
    b.classify(b.relu(x), 16)
  },
  'shufflenet v2': (b) => {
    let x = b.relu(b.conv(fixed(b), 3, 16))
    for (let i = 0; i < 2; i++) {
      const [left, right] = b.split(x, [8, 8], 1)
      const h = b.relu(b.conv(b.conv(b.relu(b.conv(right, 8, 8, { kernel: 1 })), 8, 8, { group: 8 }), 8, 8, { kernel: 1 }))
      x = b.reshape(b.transpose(b.reshape(b.concat([left, h], 1), [-1, 2, 8, 16, 16]), [0, 2, 1, 3, 4]), [-1, 16, 16, 16])
    }
    b.classify(b.relu(b.conv(x, 16, 24, { kernel: 1 })), 24)
  },
  'squeeze and excitation': (b) => {
    const x = b.relu(b.conv(image(b), 3, 16))
    const s = b.relu(b.conv(b.node('GlobalAveragePool', [x]), 16, 4, { kernel: 1 }))
    b.classify(b.conv(b.mul(x, b.node('Sigmoid', [b.conv(s, 4, 16, { kernel: 1 })])), 16, 8), 8)
  },
  'squeeze by linear layers': (b) => {
    const x = b.relu(b.conv(image(b), 3, 16))
    const s = b.relu(b.gemm(b.node('Flatten', [b.node('GlobalAveragePool', [x])]), 16, 4))
    const g = b.unsqueeze(b.node('Sigmoid', [b.gemm(s, 4, 16)]), [2, 3])
    b.classify(b.conv(b.mul(x, g), 16, 8), 8)
  },
  cbam: (b) => {
    let x = b.relu(b.conv(image(b), 3, 8))
    const [one, two] = [b.tensor([4, 8, 1, 1]), b.tensor([8, 4, 1, 1])]
    const mlp = (v) => b.node('Conv', [b.relu(b.node('Conv', [v, one])), two])
    x = b.mul(x, b.node('Sigmoid', [b.add(mlp(b.node('GlobalAveragePool', [x])), mlp(b.node('GlobalMaxPool', [x])))]))
    const both = b.concat([b.mean(x, [1]), b.node('ReduceMax', [x], 'axes = [1], keepdims = 1')], 1)
    x = b.mul(x, b.node('Sigmoid', [b.conv(both, 2, 1, { kernel: 7 })]))
    b.classify(b.conv(x, 8, 6), 6)
  },
  densenet: (b) => {
    let x = b.conv(image(b), 3, 8)
    let channels = 8
    for (let i = 0; i < 3; i++) {
      const h = b.relu(b.conv(b.relu(b.batchNorm(x, channels)), channels, 8, { kernel: 1 }))
      x = b.concat([x, b.conv(h, 8, 4)], 1)
      channels += 4
    }
    b.classify(b.relu(b.batchNorm(x, channels)), channels)
  },
  inception: (b) => {
    const x = b.relu(b.conv(image(b), 3, 8))
    const a = b.relu(b.conv(x, 8, 4, { kernel: 1 }))
    const c = b.relu(b.conv(b.relu(b.conv(x, 8, 6, { kernel: 1 })), 6, 8))
    const p = b.conv(b.maxPool(x, 3, 1, 1), 8, 4, { kernel: 1 })
    b.classify(b.relu(b.conv(b.concat([a, c, p], 1), 16, 8)), 8)
  },
  'depthwise separable': (b) => {
    let x = b.relu(b.conv(image(b), 3, 8))
    for (let i = 0; i < 2; i++)
      x = b.relu(b.batchNorm(b.conv(b.relu(b.batchNorm(b.conv(x, 8, 8, { group: 8 }), 8)), 8, 8, { kernel: 1 }), 8))
    b.classify(x, 8)
  },
  'inverted residual': (b) => {
    let x = b.conv(image(b), 3, 6)
    for (let i = 0; i < 2; i++) {
      const six = b.node(
        'Clip',
        b.opset < 11
          ? [b.batchNorm(b.conv(x, 6, 18, { kernel: 1 }), 18)]
          : [b.batchNorm(b.conv(x, 6, 18, { kernel: 1 }), 18), b.scalar(0), b.scalar(6)],
        b.opset < 11 ? 'min = 0.0, max = 6.0' : '',
      )
      x = b.add(x, b.conv(b.conv(six, 18, 18, { group: 18 }), 18, 6, { kernel: 1 }))
    }
    b.classify(x, 6)
  },
  'depth multiplier': (b) => {
    const x = b.relu(b.conv(image(b), 3, 8))
    b.classify(b.conv(b.relu(b.conv(x, 8, 16, { group: 8 })), 16, 8, { kernel: 1 }), 8)
  },
  dilated: (b) => {
    const x = b.relu(b.conv(image(b), 3, 8))
    const parts = [1, 2, 4].map((dilation) => b.relu(b.conv(x, 8, 6, { dilation })))
    b.output(b.conv(b.concat(parts, 1), 18, 3, { kernel: 1 }), 4)
  },
  'transposed convolutions': (b) => {
    const x = b.relu(b.transposedConv(image(b, 6), 6, 12))
    b.output(b.conv(b.relu(b.batchNorm(b.transposedConv(x, 12, 8, { group: 2 }), 8)), 8, 3), 4)
  },
  'convolutions of one axis': (b) => {
    const x = b.input('x', ['N', 4, 'T'])
    let y = x
    for (const [from, to] of [
      [4, 8],
      [8, 12],
    ])
      y = b.relu(b.batchNorm(b.conv(y, from, to, { rank: 1 }), to))
    b.output(b.gemm(b.node('Flatten', [b.node('GlobalAveragePool', [y])]), 12, 3), 2)
  },
  'convolutions of three axes': (b) => {
    let y = b.input('x', ['N', 2, 4, 8, 8])
    for (const [from, to] of [
      [2, 6],
      [6, 8],
    ])
      y = b.relu(b.batchNorm(b.conv(y, from, to, { rank: 3 }), to))
    b.classify(y, 8)
  },
  'two plus one dimensions': (b) => {
    let y = b.input('x', ['N', 2, 4, 8, 8])
    for (const [from, to] of [
      [2, 6],
      [6, 8],
    ]) {
      y = b.relu(b.node('Conv', [y, b.weight([to, from, 1, 3, 3])], 'pads = [0, 1, 1, 0, 1, 1]'))
      y = b.relu(b.node('Conv', [y, b.weight([to, to, 3, 1, 1])], 'pads = [1, 0, 0, 1, 0, 0]'))
    }
    b.classify(y, 8)
  },
  wavenet: (b) => {
    let x = b.conv(b.input('x', ['N', 2, 'T']), 2, 8, { kernel: 1, rank: 1 })
    const skips = []
    for (const dilation of [1, 2, 4]) {
      const gate = b.mul(
        b.node('Tanh', [b.conv(x, 8, 6, { rank: 1, dilation })]),
        b.node('Sigmoid', [b.conv(x, 8, 6, { rank: 1, dilation })]),
      )
      skips.push(b.conv(gate, 6, 10, { kernel: 1, rank: 1 }))
      x = b.add(x, b.conv(gate, 6, 8, { kernel: 1, rank: 1 }))
    }
    b.output(b.conv(b.relu(b.node('Sum', skips)), 10, 2, { kernel: 1, rank: 1 }), 3)
  },
  'wavenet, causal, one gate weight': (b) => {
    let x = b.conv(b.input('x', ['N', 2, 'T']), 2, 8, { kernel: 1, rank: 1 })
    for (const dilation of [1, 2]) {
      const padded =
        b.opset < 11
          ? b.node('Pad', [x], `pads = [0, 0, ${dilation}, 0, 0, 0]`)
          : b.node('Pad', [x, b.ints([0, 0, dilation, 0, 0, 0])])
      const [a, g] = b.split(b.conv(padded, 8, 12, { kernel: 2, rank: 1, dilation, pad: 0 }), [6, 6], 1)
      x = b.add(x, b.conv(b.mul(b.node('Tanh', [a]), b.node('Sigmoid', [g])), 6, 8, { kernel: 1, rank: 1 }))
    }
    b.output(b.conv(b.relu(x), 8, 2, { kernel: 1, rank: 1 }), 3)
  },
  'pixel shuffle': (b) => {
    const x = b.relu(b.conv(image(b), 3, 8))
    const y = b.node('DepthToSpace', [b.relu(b.conv(x, 8, 16))], b.opset < 11 ? 'blocksize = 2' : 'blocksize = 2, mode = "CRD"')
    b.output(b.conv(y, 4, 3), 4)
  },
  'space to depth': (b) => {
    const x = b.node('SpaceToDepth', [b.relu(b.conv(fixed(b), 3, 4))], 'blocksize = 2')
    b.classify(b.relu(b.conv(x, 16, 8)), 8)
  },
  'feature pyramid with boxes': (b) => {
    const x = fixed(b, 3, 32)
    const low = b.relu(b.conv(b.maxPool(b.relu(b.conv(x, 3, 8))), 8, 12))
    const high = b.relu(b.conv(b.maxPool(low), 12, 16))
    const top = b.conv(high, 16, 8, { kernel: 1 })
    const levels = [b.add(b.conv(low, 12, 8, { kernel: 1 }), b.upsample(top)), top]
    const heads = levels.map((level) =>
      b.reshape(b.transpose(b.conv(b.relu(b.conv(level, 8, 8)), 8, 14), [0, 2, 3, 1]), [0, -1, 7]),
    )
    const [boxes, scores] = b.split(b.concat(heads, 1), [4, 3], 2)
    b.output(boxes, 3)
    b.output(b.node('Sigmoid', [scores]), 3)
  },
  'detection with suppression': (b) => {
    b.from(11)
    b.only('f32', 'qdq')
    const x = b.relu(b.conv(b.input('x', [1, 3, 16, 16]), 3, 8))
    const out = b.reshape(b.transpose(b.conv(b.relu(b.conv(x, 8, 8)), 8, 6), [0, 2, 3, 1]), [1, -1, 6])
    const [boxes, scores] = b.split(out, [4, 2], 2)
    const chosen = b.node('NonMaxSuppression', [boxes, b.transpose(scores, [0, 2, 1]), b.ints([5]), b.scalar(0.5), b.scalar(0.0)])
    b.output(b.node('Gather', [b.squeeze(boxes, [0]), b.squeeze(b.slice(chosen, 1, 2, 3), [1])], 'axis = 0'), 2)
  },
  'yolo with splits': (b) => {
    let x = b.silu(b.batchNorm(b.conv(image(b), 3, 16), 16))
    const [a, c] = b.split(x, [8, 8], 1)
    const one = b.silu(b.conv(c, 8, 8))
    const two = b.add(one, b.silu(b.conv(b.silu(b.conv(one, 8, 8)), 8, 8)))
    x = b.silu(b.conv(b.concat([a, c, two], 1), 24, 12, { kernel: 1 }))
    const pooled = b.maxPool(x, 5, 1, 2)
    b.output(b.conv(b.concat([x, pooled, b.maxPool(pooled, 5, 1, 2)], 1), 36, 5, { kernel: 1 }), 4)
  },
  'autoencoder with tied weights': (b) => {
    b.only('f32', 'f16')
    const x = b.input('x', ['N', 12])
    const w = b.tensor([12, 8])
    const h = b.relu(b.add(b.node('MatMul', [x, w]), b.tensor([8])))
    b.output(b.node('MatMul', [h, b.transpose(w, [1, 0])]), 2)
  },
  'convolutional autoencoder': (b) => {
    const x = b.relu(b.conv(b.relu(b.conv(fixed(b), 3, 8, { stride: 2 })), 8, 4, { stride: 2 }))
    b.output(b.node('Sigmoid', [b.transposedConv(b.relu(b.transposedConv(x, 4, 8)), 8, 3)]), 4)
  },
  'siamese with shared weights': (b) => {
    b.only('f32', 'f16')
    const [one, two] = [b.tensor([8, 3, 3, 3]), b.tensor([6, 8, 3, 3])]
    const tower = (x) =>
      b.node('Flatten', [b.node('GlobalAveragePool', [b.node('Conv', [b.relu(b.node('Conv', [x, one])), two])])])
    const [a, c] = [tower(b.input('a', ['N', 3, 'H', 'W'])), tower(b.input('b', ['N', 3, 'H', 'W']))]
    b.output(b.gemm(b.node('Abs', [b.node('Sub', [a, c])]), 6, 1), 2)
  },
  'several inputs and outputs': (b) => {
    const x = b.relu(b.conv(image(b), 3, 8))
    const t = b.relu(b.gemm(b.input('t', ['N', 6]), 6, 8))
    const y = b.relu(b.conv(b.add(x, b.unsqueeze(t, [2, 3])), 8, 8))
    b.output(b.conv(y, 8, 2, { kernel: 1 }), 4)
    b.classify(y, 8)
  },
  'early exits': (b) => {
    const x = b.relu(b.conv(image(b), 3, 8))
    b.classify(x, 8)
    b.classify(b.relu(b.conv(x, 8, 12)), 12)
  },
  'instance and group normalisation': (b) => {
    const x = b.relu(b.node('InstanceNormalization', [b.conv(fixed(b), 3, 8), b.tensor([8], { about: 1 }), b.tensor([8])]))
    const h = b.conv(x, 8, 8)
    const grouped = b.node('InstanceNormalization', [b.reshape(h, [0, 4, -1]), b.tensor([4], { about: 1 }), b.tensor([4])])
    const back = b.reshape(grouped, [-1, 8, 16, 16])
    b.classify(b.relu(b.add(b.mul(back, b.tensor([8, 1, 1])), b.tensor([8, 1, 1]))), 8)
  },
  'slopes, padding and cropping': (b) => {
    const x = b.node('PRelu', [b.conv(fixed(b), 3, 8), b.tensor([8, 1, 1])])
    const pads = [0, 0, 1, 1, 0, 0, 1, 1]
    const padded =
      b.opset < 11
        ? b.node('Pad', [x], `pads = [${pads}], mode = "reflect"`)
        : b.node('Pad', [x, b.ints(pads)], 'mode = "reflect"')
    b.classify(b.relu(b.conv(b.slice(padded, 2, 1, 15), 8, 8)), 8)
  },
  'maxout and differences of channels': (b) => {
    const x = b.conv(image(b), 3, 16)
    const [a, c] = [b.slice(x, 1, 0, 8), b.slice(x, 1, 8, 16)]
    b.classify(b.conv(b.node('Max', [a, c]), 8, 8), 8)
  },
  'dynamic convolution': (b) => {
    const x = b.relu(b.conv(image(b), 3, 8))
    const gates = b.softmax(b.gemm(b.node('Flatten', [b.node('GlobalAveragePool', [x])]), 8, 2), 2)
    const [g, h] = b.split(gates, [1, 1], 1).map((each) => b.unsqueeze(each, [2, 3]))
    b.classify(b.relu(b.add(b.mul(g, b.conv(x, 8, 8)), b.mul(h, b.conv(x, 8, 8)))), 8)
  },
  'efficient channel attention': (b) => {
    const x = b.relu(b.conv(image(b), 3, 8))
    const row = b.transpose(b.squeeze(b.node('GlobalAveragePool', [x]), [3]), [0, 2, 1])
    const gate = b.node('Sigmoid', [b.conv(row, 1, 1, { rank: 1 })])
    b.classify(b.conv(b.mul(x, b.unsqueeze(b.transpose(gate, [0, 2, 1]), [3])), 8, 8), 8)
  },
  'image whose last axis is channels': (b) => {
    const x = b.transpose(b.input('x', ['N', 16, 16, 3]), [0, 3, 1, 2])
    const y = b.relu(b.conv(b.relu(b.conv(x, 3, 8)), 8, 8))
    b.output(b.linear(b.transpose(y, [0, 2, 3, 1]), 8, 4), 4)
  },
}
