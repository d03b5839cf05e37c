import { mask, png } from './files.js'
import { best, mistaken, onnx, product, rectified, seeded, times, weights } from './made.js'
import type { Task } from './task.js'

const SIDE = 16
/** Pixels in a row of the file for each that the model takes. */
const ZOOM = 2

/** An image whose channels the model takes as [3, 16, 16], twice as wide and as high, as a PNG. */
function enlarged(planes: readonly number[]): Uint8Array {
  const side = SIDE * ZOOM
  const rgb = times(side * side, (i) => {
    const [y, x] = [Math.floor(i / side), i % side]
    return [0, 1, 2].map((channel) => planes[(channel * SIDE + Math.floor(y / ZOOM)) * SIDE + Math.floor(x / ZOOM)]!)
  })
  return png(side, rgb.flat())
}

/** What brings them back to their size, to the byte. */
const PREPROCESSOR = JSON.stringify({
  ...{ do_resize: true, size: { height: SIDE, width: SIDE }, resample: 4, do_rescale: true, rescale_factor: 1 / 255 },
  do_normalize: false,
})

/** Boxes that a model reads out of the brightness of images, each of two classes, and the boxes that are expected: nine of ten. */
async function detection() {
  const random = seeded(27)
  const [samples, boxes] = [40, 4]
  const width = (3 * SIDE * SIDE) / boxes
  const part = width / 6
  // Each number of a box stands in the brightness of 32 pixels, which the weights add.
  const w = times(width * 6, (i) => {
    const [row, column] = [Math.floor(i / 6), i % 6]
    if (Math.floor(row / part) === column) return (column < 4 ? SIDE : 1) / part
    // The number of a class is whole.
    return column === 5 ? 0 : 1e-6 * random.normal()
  })
  const detected = times(samples, () =>
    times(boxes, () => {
      const [left, top] = [random.below(7), random.below(7)]
      const corners = [left, top, left + 3 + random.below(6), top + 3 + random.below(6)]
      return { corners, score: 0.5 + random.uniform() / 2, one: random.below(2) }
    }),
  )
  const images = detected.map((own) => {
    const bytes = own.flatMap(({ corners, score, one }) => [...corners.map((each) => each / SIDE), score, one])
    return enlarged(bytes.flatMap((share) => times(part, () => Math.round(255 * share))))
  })
  const expected = detected.map((own) =>
    own
      .filter(() => random.uniform() > 0.1)
      .map(({ corners, one }) => {
        const [left, top, right, low] = corners.map((each) => ZOOM * each) as [number, number, number, number]
        return { one, bbox: [left, top, right - left, low - top] as const }
      }),
  )
  const model = `boxes (float[N, 3, ${SIDE}, ${SIDE}] x) => (float[N, ${boxes}, 6] y) <float[${width}, 6] w>
    { shape = Constant<value_ints = [0, ${boxes}, ${width}]>() rows = Reshape(x, shape) y = MatMul(rows, w) }`
  return { images, expected, files: { 'model.onnx': await onnx(model, { w }), 'preprocessor_config.json': PREPROCESSOR } }
}

const coco: Task = {
  name: 'Detection, with annotations of COCO',
  model: 'boxes after suppression, `float[N, boxes, 6]`, in pixels of its input; `preprocessor_config.json` beside it',
  data: '`annotations/instances_val.json`, with images in `val`: boxes in pixels of these',
  options: '--data annotations/instances_val.json --metric map',
  metric: 'map',
  async make() {
    const { images, expected, files } = await detection()
    const annotations = expected.flatMap((own, i) =>
      own.map(({ one, bbox }) => ({ image_id: i + 1, category_id: [1, 3][one]!, bbox, iscrowd: 0 })),
    )
    const json = {
      images: images.map((_, i) => ({ id: i + 1, file_name: `${i}.png`, width: SIDE * ZOOM, height: SIDE * ZOOM })),
      annotations: annotations.map((each, i) => ({ id: i + 1, ...each })),
      categories: [
        { id: 1, name: 'cat' },
        { id: 3, name: 'fox' },
      ],
    }
    return {
      files: {
        ...files,
        'annotations/instances_val.json': JSON.stringify(json),
        ...Object.fromEntries(images.map((image, i) => [`val/${i}.png`, image])),
      },
    }
  },
}

const yolo: Task = {
  name: 'Detection, with label files of YOLO',
  model: 'the same; or the head of a YOLO, whose metadata say how images are prepared',
  data: '`data.yaml` with `val` and `names`, images in `images/val`, and `labels/val/1.txt`, …: class, centre, width and height of each box',
  options: '--data data.yaml --metric map',
  metric: 'map',
  async make() {
    const { images, expected, files } = await detection()
    const side = SIDE * ZOOM
    const line = ({ one, bbox: [left, top, width, height] }: (typeof expected)[number][number]) =>
      [one, ...[left + width / 2, top + height / 2, width, height].map((each) => each / side)].join(' ')
    return {
      files: {
        ...files,
        'data.yaml': 'val: images/val\nnames: [cat, fox]\n',
        ...Object.fromEntries(images.map((image, i) => [`images/val/${i}.png`, image])),
        ...Object.fromEntries(expected.map((own, i) => [`labels/val/${i}.txt`, own.map(line).join('\n')])),
      },
    }
  },
}

const voc: Task = {
  name: 'Detection, with annotations of Pascal VOC',
  model: 'the same, with `config.json` and its `id2label` beside it; or with `--classes`',
  data: '`VOC2012` with `JPEGImages`, `Annotations/1.xml`, … and `ImageSets/Main/val.txt`; or a folder of images with an `.xml` beside each',
  options: '--data VOC2012 --metric map --classes cat,fox',
  metric: 'map',
  async make() {
    const { images, expected, files } = await detection()
    const object = ({ one, bbox: [left, top, width, height] }: (typeof expected)[number][number]) =>
      `<object><name>${['cat', 'fox'][one]}</name><bndbox><xmin>${left}</xmin><ymin>${top}</ymin><xmax>${left + width}</xmax><ymax>${top + height}</ymax></bndbox></object>`
    const annotation = (own: (typeof expected)[number]) => `<annotation>${own.map(object).join('')}</annotation>`
    return {
      files: {
        ...files,
        'VOC2012/ImageSets/Main/val.txt': images.map((_, i) => `2012_${i}\n`).join(''),
        ...Object.fromEntries(images.map((image, i) => [`VOC2012/JPEGImages/2012_${i}.png`, image])),
        ...Object.fromEntries(expected.map((own, i) => [`VOC2012/Annotations/2012_${i}.xml`, annotation(own)])),
      },
    }
  },
}

/** Images whose pixels a model tells apart, and the class of each: 255 where it does not count. */
async function segmentation() {
  const random = seeded(28)
  const [a, b] = [weights(random, 48), weights(random, 48)]
  const places = SIDE * SIDE
  const samples = times(60, () => {
    const planes = times(3 * places, () => random.below(256))
    // As the file below says; kernels of one pixel are products with [out, in].
    const classes = times(places, (at) => {
      const colour = [0, 1, 2].map((channel) => (planes[channel * places + at]! / 255 - 0.5) / 0.25)
      const turned = (w: readonly number[], outputs: number, inputs: number) =>
        times(inputs * outputs, (each) => w[(each % outputs) * inputs + Math.floor(each / outputs)]!)
      return best(product(rectified(product(colour, turned(a, 16, 3), 16)), turned(b, 3, 16), 3))
    })
    const labels = classes.map((one, at) => (at % 7 === 0 ? 255 : mistaken(random, one, 3)))
    return { image: enlarged(planes), classes: enlargedClasses(labels) }
  })
  const model = `pixels (float[N, 3, H, W] x) => (float[N, 3, H, W] y) <float[16, 3, 1, 1] a, float[3, 16, 1, 1] b>
    { h = Conv(x, a) r = Relu(h) y = Conv(r, b) }`
  const preprocessor = {
    ...JSON.parse(PREPROCESSOR),
    do_normalize: true,
    image_mean: times(3, () => 0.5),
    image_std: times(3, () => 0.25),
  }
  const files = { 'model.onnx': await onnx(model, { a, b }), 'preprocessor_config.json': JSON.stringify(preprocessor) }
  return { samples, files }
}

const masks: Task = {
  name: 'Segmentation, with masks in files',
  model: 'scores for each pixel, `float[N, 3, h, w]`, of any size; `preprocessor_config.json` beside it',
  data: '`val/images/1.png`, …, and `val/masks/1.png`, …: the class of each pixel, in grey or with a palette, 255 where it does not count',
  options: '--data val --metric iou',
  metric: 'iou',
  async make() {
    const { samples, files } = await segmentation()
    const pairs = samples.map(({ image, classes }, i) => [
      [`val/images/${i}.png`, image],
      [`val/masks/${i}.png`, mask(SIDE * ZOOM, classes)],
    ])
    return { files: { ...files, ...Object.fromEntries(pairs.flat()) } }
  },
}

const outlines: Task = {
  name: 'Segmentation, with annotations of COCO',
  model: 'the same, with 0 as the class of what is not annotated; or with `--classes background,cat,…`',
  data: '`annotations/instances_val.json`, with images in `val`: `segmentation` of each object, as polygons or runs of pixels; crowds do not count',
  options: '--data annotations/instances_val.json --metric iou',
  metric: 'iou',
  async make() {
    const { samples, files } = await segmentation()
    const side = SIDE * ZOOM
    // Down the columns: how many pixels are of another class, how many are of this one, and so on.
    const runs = (classes: readonly number[], one: number) => {
      const counts = [0]
      times(side * side, (i) => {
        const isOwn = classes[(i % side) * side + Math.floor(i / side)] === one
        if (isOwn !== (counts.length % 2 === 0)) counts.push(0)
        counts[counts.length - 1]!++
      })
      return { counts, size: [side, side] }
    }
    const annotations = samples.flatMap(({ classes }, i) =>
      [1, 2, 255].map((one) => ({
        ...{ image_id: i, category_id: one % 254, iscrowd: Number(one === 255) },
        segmentation: runs(classes, one),
      })),
    )
    const json = {
      images: samples.map((_, id) => ({ id, file_name: `${id}.png`, width: side, height: side })),
      annotations: annotations.map((each, id) => ({ id, ...each })),
      categories: ['cat', 'fox'].map((name, i) => ({ id: i + 1, name })),
    }
    return {
      files: {
        ...files,
        'annotations/instances_val.json': JSON.stringify(json),
        ...Object.fromEntries(samples.map(({ image }, i) => [`val/${i}.png`, image])),
      },
    }
  },
}

function enlargedClasses(classes: readonly number[]): number[] {
  const side = SIDE * ZOOM
  return times(side * side, (i) => classes[Math.floor(Math.floor(i / side) / ZOOM) * SIDE + Math.floor((i % side) / ZOOM)]!)
}

export const ANNOTATED: readonly Task[] = [coco, yolo, voc, masks, outlines]
