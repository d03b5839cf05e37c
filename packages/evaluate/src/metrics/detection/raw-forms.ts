import type { Numbers } from '@pare/metric'
import { describe, type NdArray, numbersOf } from '../../data/ndarray.js'
import type { NeededOutcome } from '../outcome.js'
import { type Detection, suppressed } from './suppression.js'
import { unitsOf } from './units.js'

/** The boxes of a sample, by its place in the batch. */
export type Detections = (sample: number) => readonly Detection[]

/** Detections of an output as a network has it before boxes are chosen; a sentence where it is known and cannot be read. Undefined: it is none. */
export type BoxForm = (outcome: NeededOutcome) => Detections | string | undefined

/** What Ultralytics validates with: the least score, the overlap from which the weaker of two boxes goes, and boxes of an image. */
const YOLO = { least: 0.001, overlap: 0.7, most: 300 }

/** How scores of one place of a YOLO head are found. */
interface YoloLayout {
  readonly places: number
  readonly classes: number
  /** Numbers from one field of a place to the next, and from one place to the next. */
  readonly strides: readonly [field: number, place: number]
  /** The field that says whether there is anything; what a class scores is multiplied by it. */
  readonly presence?: number
}

/**
 * YOLO's head: of each place centre, width and height in pixels, and a score for each class. YOLOv8 and later have [samples, 4 + classes, places], YOLOv5 to YOLOv7
 * [samples, places, 5 + classes], where the fifth number says whether there is anything. Places whose score is at least 0.001 are kept with each such class, and suppressed class by class.
 */
export const yoloForm: BoxForm = (outcome) => {
  const { output, name } = outcome
  const layout = yoloLayout(output, outcome.context.names?.length)
  if (layout === undefined) return undefined
  const values = numbersOf(output)
  const { places, classes, strides, presence } = layout
  const [field, place] = strides
  const first = presence === undefined ? 4 : 5
  const size = output.shape[1]! * output.shape[2]!
  const scoreAt = (from: number, one: number) => {
    const score = values[from + (first + one) * field]!
    return presence === undefined ? score : score * values[from + presence * field]!
  }
  for (let i = 0; i < output.shape[0]! * places * classes; i++) {
    const [sample, rest] = [Math.floor(i / (places * classes)), i % (places * classes)]
    const score = scoreAt(sample * size + Math.floor(rest / classes) * place, rest % classes)
    if (score < 0 || score > 1)
      return `output '${name}' is ${describe(output.type, output.shape)}, as a YOLO head has it, and one of its scores is ${score}, not between 0 and 1. Export the model with its boxes decoded, or with their suppression (of Ultralytics, nms=True).`
  }
  const units = unitsOf(outcome, 'pixels')
  if (typeof units === 'string') return units
  return (sample) => {
    const boxes: Detection[] = []
    for (let at = 0; at < places; at++) {
      const from = sample * size + at * place
      for (let one = 0; one < classes; one++) {
        const score = scoreAt(from, one)
        if (!(score >= YOLO.least)) continue
        const centred = [0, 1, 2, 3].map((index) => values[from + index * field]!)
        boxes.push({ box: cornersOf(centred, units(sample)), score, class: one })
      }
    }
    return suppressed(boxes, YOLO)
  }
}

function yoloLayout({ shape }: NdArray, names: number | undefined): YoloLayout | undefined {
  if (shape.length !== 3) return undefined
  const [, rows, columns] = shape as [number, number, number]
  if (rows >= 5 && rows < columns) {
    const classes = rows - 4
    return names === undefined || names === classes ? { places: columns, classes, strides: [columns, 1] } : undefined
  }
  if (columns >= 6 && columns < rows) {
    const classes = columns - 5
    return names === undefined || names === classes ? { places: rows, classes, strides: [1, columns], presence: 4 } : undefined
  }
  return undefined
}

/**
 * DETR's head: `logits` [samples, queries, classes], and boxes [samples, queries, 4] of centre, width and height as shares of the image. With one class more than the model has names it is a softmax
 * whose last class is nothing (DETR, Conditional DETR, YOLOS), and each query is one box; with as many it is a sigmoid (Deformable DETR, RT-DETR), and the best pairs of query and class are as many boxes.
 */
export const detrForm: BoxForm = (outcome) => {
  const { outputs = {}, context, batch } = outcome
  const find = (name: RegExp) => Object.entries(outputs).find(([own, { shape }]) => name.test(own) && shape.length === 3)?.[1]
  const [logits, boxes] = [find(/logits/i), find(/box/i)]
  if (logits === undefined || boxes === undefined) return undefined
  const [, queries, width] = logits.shape as [number, number, number]
  if (boxes.shape[2] !== 4 || boxes.shape[1] !== queries || logits.shape[0]! < batch.size) return undefined
  const classes = context.names?.length
  if (classes !== width && classes !== width - 1)
    return `logits are ${describe(logits.type, logits.shape)}, as DETR has them, and ${classes === undefined ? 'names of classes are not known' : `there are names of ${classes} classes`}: whether one of the ${width} is nothing does not show. Put config.json with its id2label beside the model, or name the classes in the config (classes).`
  const units = unitsOf(outcome, 'shares')
  if (typeof units === 'string') return units
  const [scores, fields] = [numbersOf(logits), numbersOf(boxes)]
  const isSoftmax = classes === width - 1
  return (sample) => {
    const boxOf = (query: number) => {
      const at = (sample * queries + query) * 4
      return cornersOf(fields.subarray(at, at + 4), units(sample))
    }
    const rowOf = (query: number) => scores.subarray((sample * queries + query) * width, (sample * queries + query + 1) * width)
    if (isSoftmax)
      return Array.from({ length: queries }, (_, query) => ({ box: boxOf(query), ...likeliest(rowOf(query), classes) }))
    return Array.from({ length: queries }, (_, query) =>
      Array.from(rowOf(query), (logit, one) => ({ query, score: 1 / (1 + Math.exp(-logit)), class: one })),
    )
      .flat()
      .sort((a, b) => b.score - a.score)
      .slice(0, queries)
      .map(({ query, ...rest }) => ({ box: boxOf(query), ...rest }))
  }
}

/** The class with the highest probability of a softmax over all logits, the last aside. */
function likeliest(row: Numbers, classes: number): { readonly score: number; readonly class: number } {
  const peak = Math.max(...row)
  const total = Array.from(row).reduce((sum, logit) => sum + Math.exp(logit - peak), 0)
  let best = 0
  for (let one = 1; one < classes; one++) if (row[one]! > row[best]!) best = one
  return { score: Math.exp(row[best]! - peak) / total, class: best }
}

/** From x, y, width and height: `x` and `y` are of the centre. */
function cornersOf(centred: ArrayLike<number>, [across, down]: readonly [number, number]): Float64Array {
  const [x, y, width, height] = Array.from(centred) as [number, number, number, number]
  return Float64Array.of((x - width / 2) * across, (y - height / 2) * down, (x + width / 2) * across, (y + height / 2) * down)
}
