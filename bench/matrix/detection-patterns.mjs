// Detection heads: how many boxes are left is decided by data.

const image = (b) => b.input('x', ['N', 3, 16, 16])
const backbone = (b) => b.relu(b.conv(b.relu(b.conv(image(b), 3, 8, { stride: 2 })), 8, 12, { stride: 2 }))

/** [1, boxes, size] of what a head makes, [N, size, H, W]. */
const listed = (b, x, size) => b.reshape(b.transpose(x, [0, 2, 3, 1]), [1, -1, size])

export const DETECTION = {
  'boxes that NonMaxSuppression leaves': (b) => {
    b.only('f32')
    b.from(11)
    const x = backbone(b)
    const boxes = listed(b, b.conv(b.relu(b.conv(x, 12, 10)), 10, 4), 4)
    const scores = b.transpose(listed(b, b.node('Sigmoid', [b.conv(b.relu(b.conv(x, 12, 10)), 10, 3)]), 3), [0, 2, 1])
    const left = b.node('NonMaxSuppression', [boxes, scores, b.scalar(20, 'int64'), b.scalar(0.5), b.scalar(0.1)])
    b.output(b.node('Gather', [b.squeeze(boxes, [0]), b.squeeze(b.slice(left, 1, 2, 3), [1])], 'axis = 0'), 2)
  },
  'scores above a limit, with a network behind': (b) => {
    b.only('f32')
    b.from(11)
    const x = backbone(b)
    const tokens = b.reshape(b.transpose(x, [0, 2, 3, 1]), [-1, 12])
    const scores = b.reshape(b.node('Sigmoid', [b.linear(b.relu(b.linear(tokens, 12, 10)), 10, 1)]), [-1])
    const places = b.squeeze(b.node('NonZero', [b.node('Cast', [b.node('Greater', [scores, b.scalar(0.4)])], 'to = 7')]), [0])
    const own = b.node('Gather', [tokens, places], 'axis = 0')
    b.output(b.linear(b.relu(b.linear(own, 12, 20)), 20, 5), 2)
  },
  'regions that are cut out and classified': (b) => {
    b.only('f32')
    b.from(11)
    const x = b.relu(b.conv(b.relu(b.conv(b.input('x', [1, 3, 16, 16]), 3, 8)), 8, 12))
    const corner = b.squeeze(listed(b, b.mul(b.node('Sigmoid', [b.conv(x, 12, 2)]), b.scalar(12)), 2), [0])
    const boxes = b.concat([corner, b.add(corner, b.scalar(3))], 1)
    const scores = b.squeeze(listed(b, b.conv(x, 12, 1), 1), [0, 2])
    const left = b.node('NonMaxSuppression', [
      b.unsqueeze(boxes, [0]),
      b.unsqueeze(scores, [0, 1]),
      b.scalar(5, 'int64'),
      b.scalar(0.5),
    ])
    const rois = b.node('Gather', [boxes, b.squeeze(b.slice(left, 1, 2, 3), [1])], 'axis = 0')
    const images = b.squeeze(b.slice(left, 1, 0, 1), [1])
    const features = b.node('RoiAlign', [x, rois, images], 'output_height = 2, output_width = 2')
    b.output(b.gemm(b.relu(b.gemm(b.node('Flatten', [features]), 48, 20)), 20, 5), 2)
  },
  'elements that a mask leaves': (b) => {
    b.only('f32')
    b.from(11)
    const tokens = b.relu(b.linear(b.reshape(b.input('x', ['N', 'S', 16]), [-1, 16]), 16, 12))
    const keep = b.node('Greater', [b.squeeze(b.linear(tokens, 12, 1), [1]), b.scalar(0)])
    const own = b.node('Compress', [tokens, keep], 'axis = 0')
    b.output(b.linear(b.relu(b.linear(own, 12, 20)), 20, 5), 2)
  },
}
