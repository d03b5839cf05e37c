import { type Numbers, type ReadableSample, type SampleBoxes, sampleOf } from '@pare/metric'
import { BOX_WIDTH } from '../../data/labels/box-labels.js'
import { describe, type NdArray, numbersOf } from '../../data/ndarray.js'
import { NO_LABELS } from '../labels.js'
import type { NeededOutcome } from '../outcome.js'
import { type BoxForm, type Detections, detrForm, yoloForm } from './raw-forms.js'
import { unitsOfChosen } from './units.js'

/** Numbers of a detected box in one output: x1, y1, x2, y2, score, class. Of an expected one: x1, y1, x2, y2, class, and what else `BOX_WIDTH` counts, where the data say so. */
const DETECTED = 6
const EXPECTED = [5, BOX_WIDTH]

/** What keeps outputs and labels from being boxes. */
export function boxProblems(outcome: NeededOutcome): string[] {
  const { label } = outcome.batch
  if (label === undefined) return [NO_LABELS]
  if (label.shape.length !== 3 || !EXPECTED.includes(label.shape[2]!)) {
    return [
      `labels are ${describe(label.type, label.shape)}, expected [samples, boxes, 5]: x1, y1, x2, y2, class, filled up with a class of −1; or arrays boxes [samples, boxes, 4] and labels [samples, boxes].`,
    ]
  }
  const detections = detectionsIn(outcome)
  return typeof detections === 'string' ? [detections] : []
}

/** Samples of boxes. */
export function readBoxes(outcome: NeededOutcome): ReadableSample[] {
  const detections = detectionsIn(outcome) as Detections
  const { batch } = outcome
  const labels = numbersOf(batch.label!)
  const [, count, width] = batch.label!.shape as [number, number, number]
  return Array.from({ length: batch.size }, (_, i) => {
    const rows = rowsOf(labels, { from: i * count, count, width })
    const expected = rows
      .map((row) => ({
        box: row.subarray(0, 4),
        class: row[4]!,
        ...(width === BOX_WIDTH && { isCrowd: row[5] === 1, area: row[6]! }),
      }))
      .filter((one) => one.class >= 0)
    const boxes: SampleBoxes = { detected: withAreas(detections(i), rows[0]?.[PIXELS] ?? 0), expected }
    const sample = sampleOf({ rows: [], places: 1, isSingle: true, boxes })
    return { read: ({ scale, isMany }) => (scale === 'logits' && !isMany ? sample : undefined) }
  })
}

/** Where it stands how many pixels of the image in its file one of the input is. */
const PIXELS = 7

/** Areas in pixels of the image that was resized, as COCO has them. */
function withAreas(detected: SampleBoxes['detected'], pixels: number): SampleBoxes['detected'] {
  if (pixels === 0 || pixels === 1) return detected
  return detected.map((one) => ({ ...one, area: (one.box[2]! - one.box[0]!) * (one.box[3]! - one.box[1]!) * pixels }))
}

/** Ways to put boxes out, the plainest first. */
const FORMS: readonly BoxForm[] = [rowsForm, partsForm, detrForm, yoloForm]

/** A sentence where the outputs are no boxes. */
function detectionsIn(outcome: NeededOutcome): Detections | string {
  for (const form of FORMS) {
    const detections = form(outcome)
    if (detections !== undefined) return detections
  }
  const { name, output } = outcome
  const isRaw = output.shape.length === 3
  const cure = isRaw
    ? ' Of what a detector gives before its boxes are chosen, heads of YOLO ([samples, 4 + classes, places], or [samples, places, 5 + classes]) and of DETR (logits and pred_boxes) are read; others are exported with that step.'
    : ''
  return `output '${name}' is ${describe(output.type, output.shape)}, expected [samples, boxes, 6] (x1, y1, x2, y2, score, class), or outputs named boxes [samples, boxes, 4], scores and labels [samples, boxes].${cure}`
}

/** Corners, score and class of each box in one output. */
function rowsForm(outcome: NeededOutcome): Detections | undefined {
  const { batch, output } = outcome
  const [size, count, width] = output.shape
  if (output.shape.length !== 3 || width !== DETECTED || size! < batch.size) return undefined
  const values = numbersOf(output)
  if (count! > DETECTED && isOneClass(values)) return undefined
  const corners = values.filter((_, at) => at % DETECTED < 4)
  const units = unitsOfChosen(outcome, corners)
  return (i) =>
    rowsOf(values, { from: i * count!, count: count!, width }).flatMap((row) =>
      detectionOf(inUnits(row.subarray(0, 4), units(i)), row[4]!, row[5]!),
    )
}

/** The head of a YOLOv5 of one class is as wide, and has the score of that class where others have the number of a class. */
function isOneClass(values: Numbers): boolean {
  let [rows, scores] = [0, 0]
  for (let at = DETECTED - 1; at < values.length; at += DETECTED) {
    rows++
    if (values[at]! > 0 && values[at]! < 1) scores++
  }
  return 2 * scores > rows
}

function partsForm(outcome: NeededOutcome): Detections | undefined {
  const { batch, outputs = {} } = outcome
  const find = (name: RegExp, rank: number) =>
    Object.entries(outputs).find(([own, { shape }]) => name.test(own) && shape.length === rank && shape[0]! >= batch.size)?.[1]
  const parts = [find(/box/i, 3), find(/score|conf/i, 2), find(/label|class/i, 2)]
  return parts.every((part) => part !== undefined) ? fromParts(outcome, parts as [NdArray, NdArray, NdArray]) : undefined
}

function fromParts(
  outcome: NeededOutcome,
  [boxes, scores, classes]: readonly [NdArray, NdArray, NdArray],
): Detections | undefined {
  const count = boxes.shape[1]!
  if (boxes.shape[2] !== 4 || scores.shape[1] !== count || classes.shape[1] !== count) return undefined
  const [box, score, one] = [numbersOf(boxes), numbersOf(scores), numbersOf(classes)]
  const units = unitsOfChosen(outcome, box)
  return (i) =>
    rowsOf(box, { from: i * count, count, width: 4 }).flatMap((row, at) =>
      detectionOf(inUnits(row, units(i)), score[i * count + at]!, one[i * count + at]!),
    )
}

function inUnits(box: Numbers, [across, down]: readonly [number, number]): Numbers {
  return across === 1 && down === 1 ? box : box.map((value, i) => value * (i % 2 === 0 ? across : down))
}

/** What fills an output up has no score, or a class below 0. */
function detectionOf(box: Numbers, score: number, one: number): SampleBoxes['detected'] {
  return one >= 0 && score > 0 ? [{ box, score, class: one }] : []
}

function rowsOf(values: Numbers, { from, count, width }: { from: number; count: number; width: number }): Numbers[] {
  return Array.from({ length: count }, (_, at) => values.subarray((from + at) * width, (from + at + 1) * width))
}
