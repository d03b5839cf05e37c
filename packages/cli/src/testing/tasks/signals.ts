import { npz, png, wav } from './files.js'
import { best, csv, LAYERS, mistaken, network, onnx, product, rectified, seeded, share, times, weights } from './made.js'
import type { Task } from './task.js'

const SIDE = 6
const PIXELS = 3 * SIDE * SIDE
const PREPROCESSOR = {
  do_resize: false,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.25, 0.25, 0.25],
}

/** Images of bytes, a model that takes them as numbers, and the labels of most of them. */
function images(seed: number, count: number) {
  const random = seeded(seed)
  const { forward, declared, values } = network(random, PIXELS, 3)
  const bytes = times(count, () => times(PIXELS, () => random.below(256)))
  // Row by row and colour by colour in a file, colour by colour and row by row in the model.
  const planes = (rgb: readonly number[]) => times(PIXELS, (i) => rgb[(i % (SIDE * SIDE)) * 3 + Math.floor(i / (SIDE * SIDE))]!)
  const answers = bytes.map((rgb) => best(forward(planes(rgb).map((byte) => (byte / 255 - 0.5) / 0.25))))
  const labels = answers.map((answer) => mistaken(random, answer, 3))
  const model = `images (float[N, 3, ${SIDE}, ${SIDE}] pixel_values) => (float[N, 3] y) <${declared}> { x = Flatten(pixel_values) ${LAYERS} }`
  return {
    ...{ bytes, labels, value: share(answers, (answer, i) => answer === labels[i]) },
    files: async () => ({
      'model.onnx': await onnx(model, values),
      'preprocessor_config.json': JSON.stringify(PREPROCESSOR),
    }),
  }
}

const CLASSES = ['cat', 'dog', 'fox']

const classFolders: Task = {
  name: 'Images in a folder for each class',
  model: 'scores, `float[N, 3]`, `preprocessor_config.json` beside it',
  data: '`val/cat/1.png`, `val/dog/2.png`, …',
  options: '--data val',
  metric: 'accuracy',
  async make() {
    const { bytes, labels, value, files } = images(21, 240)
    const own = bytes.map((rgb, i) => [`val/${CLASSES[labels[i]!]}/${i}.png`, png(SIDE, rgb)] as const)
    return { files: { ...(await files()), ...Object.fromEntries(own) }, value }
  },
}

const imageList: Task = {
  name: 'Images that a table names',
  model: 'scores, `float[N, 3]`, `preprocessor_config.json` beside it',
  data: '`val.csv`: `file` (`images/1.png`) and `label`',
  options: '--data val.csv',
  metric: 'accuracy',
  async make() {
    const { bytes, labels, value, files } = images(22, 240)
    const own = bytes.map((rgb, i) => [`images/${i}.png`, png(SIDE, rgb)] as const)
    const table = csv(
      ['file', 'label'],
      labels.map((label, i) => [`images/${i}.png`, label]),
    )
    return { files: { ...(await files()), ...Object.fromEntries(own), 'val.csv': table }, value }
  },
}

const segmentation: Task = {
  name: 'Segmentation',
  model: 'scores for each pixel, `float[N, 3, H, W]`',
  data: '`val.npz`: `x` [N, 3, H, W], `label` [N, H, W], 255 where a pixel does not count',
  options: '--data val.npz --metric iou',
  metric: 'iou',
  async make() {
    const random = seeded(23)
    const [a, b] = [weights(random, 48), weights(random, 48)]
    const places = SIDE * SIDE
    const pixels = times(60, () => times(3 * places, () => Math.fround(random.normal())))
    // Kernels of one pixel are products with [out, in].
    const turned = (w: readonly number[], outputs: number, inputs: number) =>
      times(inputs * outputs, (i) => w[(i % outputs) * inputs + Math.floor(i / outputs)]!)
    const [first, second] = [turned(a, 16, 3), turned(b, 3, 16)]
    const answers = pixels.flatMap((image) =>
      times(places, (at) => {
        const colour = [0, 1, 2].map((channel) => image[channel * places + at]!)
        return best(product(rectified(product(colour, first, 16)), second, 3))
      }),
    )
    const labels = answers.map((answer, i) => (i % 7 === 0 ? 255 : mistaken(random, answer, 3)))
    const count = (is: (answer: number, label: number) => boolean) =>
      answers.filter((answer, i) => labels[i] !== 255 && is(answer, labels[i]!)).length
    const shares = [0, 1, 2].map(
      (one) =>
        count((answer, label) => answer === one && label === one) / count((answer, label) => answer === one || label === one),
    )
    const data = npz({
      x: { type: 'f4', shape: [60, 3, SIDE, SIDE], values: pixels.flat() },
      label: { type: 'i8', shape: [60, SIDE, SIDE], values: labels },
    })
    const model = `pixels (float[N, 3, H, W] x) => (float[N, 3, H, W] y) <float[16, 3, 1, 1] a, float[3, 16, 1, 1] b>
      { h = Conv(x, a) r = Relu(h) y = Conv(r, b) }`
    return {
      files: { 'model.onnx': await onnx(model, { a, b }), 'val.npz': data },
      value: shares.reduce((sum, each) => sum + each, 0) / 3,
    }
  },
}

const detection: Task = {
  name: 'Detection',
  model: 'boxes after suppression, `float[N, boxes, 6]`: corners, score, class',
  data: '`val.npz`: `x`, `label` [N, boxes, 5]: corners and class, filled up with a class of −1',
  options: '--data val.npz --metric map',
  metric: 'map',
  async make() {
    const random = seeded(24)
    const [samples, boxes, parts] = [40, 4, 4]
    // Each number of a box stands in the features in four parts, which the weights add.
    const w = times(6 * parts * 6, (i) => {
      const [row, column] = [Math.floor(i / 6), i % 6]
      if (Math.floor(row / parts) === column) return 1
      return column === 5 ? 0 : 1e-6 * random.normal()
    })
    const detected = times(samples * boxes, () => {
      const [left, top] = [random.below(50), random.below(50)]
      return [left, top, left + 10 + random.below(40), top + 10 + random.below(40), 0.5 + random.uniform() / 2, random.below(2)]
    })
    const labels = detected.flatMap(([a, b, c, d, , one]) => [
      a! + random.below(3),
      b!,
      c!,
      d!,
      random.uniform() < 0.1 ? -1 : one!,
    ])
    const data = npz({
      x: {
        type: 'f4',
        shape: [samples, boxes, 6 * parts],
        values: detected.flatMap((box) => box.flatMap((each) => times(parts, () => each / parts))),
      },
      label: { type: 'f4', shape: [samples, boxes, 5], values: labels },
    })
    const model = `boxes (float[N, 4, 24] x) => (float[N, 4, 6] y) <float[24, 6] w> { y = MatMul(x, w) }`
    return { files: { 'model.onnx': await onnx(model, { w }), 'val.npz': data } }
  },
}

const restoration: Task = {
  name: 'Restored images',
  model: 'an image, `float[N, 1, H, W]` of 0 to 1',
  data: '`val.npz`: `x` and `label`, both [N, 1, H, W]',
  options: '--data val.npz --metric psnr',
  metric: 'psnr',
  async make() {
    const random = seeded(25)
    const size = 12 * 12
    const clean = times(40, () => times(size, () => Math.fround(random.uniform())))
    const noisy = clean.map((image) => image.map((each) => Math.fround(each + 0.05 * random.normal())))
    // The middle of each kernel hands a quarter on.
    const kernel = (middle: number) => times(36, (i) => (i % 9 === 4 ? middle : 1e-6 * random.normal()))
    const errors = clean.map((image, i) => image.reduce((sum, each, at) => sum + (each - noisy[i]![at]!) ** 2, 0) / size)
    const data = npz({
      x: { type: 'f4', shape: [40, 1, 12, 12], values: noisy.flat() },
      label: { type: 'f4', shape: [40, 1, 12, 12], values: clean.flat() },
    })
    const model = `restored (float[N, 1, H, W] x) => (float[N, 1, H, W] y) <float[4, 1, 3, 3] a, float[1, 4, 3, 3] b>
      { h = Conv<pads = [1, 1, 1, 1]>(x, a) y = Conv<pads = [1, 1, 1, 1]>(h, b) }`
    return {
      files: { 'model.onnx': await onnx(model, { a: kernel(1), b: kernel(0.25) }), 'val.npz': data },
      value: errors.reduce((sum, error) => sum + 10 * Math.log10(1 / error), 0) / errors.length,
    }
  },
}

const sounds: Task = {
  name: 'Sounds in a folder for each class',
  model: 'scores, `float[N, 3]`, `preprocessor_config.json` with `sampling_rate` beside it',
  data: '`val/bell/1.wav`, `val/drum/2.wav`, …',
  options: '--data val',
  metric: 'accuracy',
  async make() {
    const random = seeded(26)
    const { forward, declared, values } = network(random, 40, 3)
    const waves = times(240, () => times(40, () => random.below(40000) - 20000))
    const answers = waves.map((wave) => best(forward(wave.map((each) => each / 32768))))
    const labels = answers.map((answer) => mistaken(random, answer, 3))
    const own = waves.map((wave, i) => [`val/${['bell', 'drum', 'horn'][labels[i]!]}/${i}.wav`, wav(8000, wave)] as const)
    const model = `sounds (float[N, 40] x) => (float[N, 3] y) <${declared}> { ${LAYERS} }`
    return {
      files: {
        'model.onnx': await onnx(model, values),
        'preprocessor_config.json': JSON.stringify({ sampling_rate: 8000, do_normalize: false }),
        ...Object.fromEntries(own),
      },
      value: share(answers, (answer, i) => answer === labels[i]),
    }
  },
}

export const SIGNALS: readonly Task[] = [classFolders, imageList, segmentation, detection, restoration, sounds]
