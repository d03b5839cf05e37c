import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { array } from '../../fixture.test.files.js'
import { type NeededOutcome, startContext } from '../outcome.js'
import { boxProblems, readBoxes } from './boxes.js'
import { suppressed } from './suppression.js'

const f32 = (shape: readonly number[], values: readonly number[]) => array('float32', shape, values)

type Given = Pick<NeededOutcome, 'output'> &
  Partial<Pick<NeededOutcome, 'outputs'>> & {
    readonly label: readonly number[]
    readonly names?: readonly string[]
    readonly image?: readonly number[]
  }

function outcomeOf({ output, outputs, label, names, image = [1, 3, 100, 200] }: Given): NeededOutcome {
  const size = output.shape[0]!
  const inputs = { images: f32(image, new Array(image.reduce((a, b) => a * b)).fill(0)) }
  const batch = { first: 0, size, inputs, label: f32([size, label.length / size / 5, 5], label) }
  return {
    ...{ batch, name: 'output0', output, needs: { read: 'boxes' as const } },
    ...{ context: startContext(names === undefined ? {} : { names }), ...(outputs && { outputs }) },
  }
}

/** What is detected in the first sample, numbers rounded to a millionth. */
function detected(setting: Given) {
  const outcome = outcomeOf(setting)
  expect(boxProblems(outcome)).toEqual([])
  const boxes = readBoxes(outcome)[0]!.read({ scale: 'logits', isMany: false })!.boxes!.detected
  return boxes.map(({ box, score, class: one }) => [[...box].map(rounded), rounded(score), one])
}

const rounded = (value: number) => Math.round(value * 1e6) / 1e6
const pixels = [10, 20, 30, 40, 1]

describe("YOLO's head", () => {
  // Two boxes that overlap by 0.81 (IoU), of the same two classes, and one elsewhere; the other places are empty.
  const places = [
    [50, 40, 20, 20, 0.9, 0.2],
    [51, 41, 20, 20, 0.8, 0.3],
    [150, 60, 10, 30, 0, 0.6],
    ...Array.from({ length: 5 }, () => [0, 0, 0, 0, 0, 0]),
  ]
  const kept = [
    [[40, 30, 60, 50], 0.9, 0],
    [[145, 45, 155, 75], 0.6, 1],
    [[41, 31, 61, 51], 0.3, 1],
  ]

  test('with classes before places, as YOLOv8 has it', () => {
    const output = f32(
      [1, 6, 8],
      [0, 1, 2, 3, 4, 5].flatMap((field) => places.map((place) => place[field]!)),
    )
    expect(detected({ output, label: pixels })).toEqual(kept)
    // Labels that are shares of an image of 200 × 100.
    const [first] = detected({ output, label: [0.1, 0.1, 0.5, 0.9, 1] })
    expect(first).toEqual([[0.2, 0.3, 0.3, 0.5], 0.9, 0])
    // Channels last.
    expect(detected({ output, label: [0.1, 0.1, 0.5, 0.9, 1], image: [1, 100, 200, 3] })[0]).toEqual(first)
  })

  test('with places before classes and whether there is anything, as YOLOv5 has it', () => {
    const rows = places.map(([x, y, w, h, ...scores]) => [x!, y!, w!, h!, 0.5, ...scores.map((score) => score)])
    expect(detected({ output: f32([1, 8, 7], rows.flat()), label: pixels })).toEqual(
      kept.map(([box, score, one]) => [box, (score as number) / 2, one]),
    )
  })

  test('with one class is told from boxes that are chosen, which have a whole number there', () => {
    const rows = places.map(([x, y, w, h, score], i) => [x!, y!, w!, h!, 1, i === 0 ? score! : 0.0001 * (i + 1)])
    expect(detected({ output: f32([1, 8, 6], rows.flat()), label: pixels })).toEqual([[[40, 30, 60, 50], 0.9, 0]])
    // A model that lost so much that some of its classes are none is still read as the one it was.
    const broken = rows.map(([x, y, w, h], i) => [x!, y!, w!, h!, 0.5, i < 3 ? 0.75 : 1])
    expect(detected({ output: f32([1, 8, 6], broken.flat()), label: pixels })[0]).toEqual([[50, 40, 20, 20], 0.5, 0.75])
  })

  test('is refused where its scores are none, and where names are of other classes', () => {
    const logits = f32([1, 6, 8], new Array(48).fill(-3))
    expect(boxProblems(outcomeOf({ output: logits, label: pixels }))).toEqual([
      expect.stringContaining('one of its scores is -3, not between 0 and 1'),
    ])
    const output = f32([1, 6, 8], new Array(48).fill(0))
    expect(boxProblems(outcomeOf({ output, label: pixels, names: ['a', 'b', 'c'] }))).toEqual([
      expect.stringContaining('heads of YOLO ([samples, 4 + classes, places]'),
    ])
  })

  test('is refused where pixels cannot be told from shares for want of an image', () => {
    const output = f32([1, 6, 8], new Array(48).fill(0))
    expect(boxProblems(outcomeOf({ output, label: [0.1, 0.1, 0.2, 0.2, 0], image: [1, 300] }))).toEqual([
      expect.stringContaining('no input is one image'),
    ])
  })
})

describe("DETR's head", () => {
  const boxes = f32([1, 2, 4], [0.5, 0.5, 0.2, 0.4, 0.25, 0.5, 0.1, 0.2])
  const logits = f32([1, 2, 3], [Math.log(2), Math.log(5), Math.log(3), 0, 0, Math.log(8)])
  const outputs = { logits, pred_boxes: boxes, last_hidden_state: f32([1, 2, 5], new Array(10).fill(0)) }

  test('whose last class is nothing has a box for each query', () => {
    // In an image of 200 × 100.
    expect(detected({ output: logits, outputs, label: pixels, names: ['cat', 'dog'] })).toEqual([
      [[80, 30, 120, 70], 0.5, 1],
      [[40, 40, 60, 60], 0.1, 0],
    ])
  })

  test('with a sigmoid for each class has the best pairs of query and class', () => {
    const half = [[80, 30, 120, 70], rounded(2 / 3), 0]
    const pairs = detected({ output: logits, outputs, label: pixels, names: ['cat', 'dog', 'bird'] })
    expect(pairs).toEqual([
      [[40, 40, 60, 60], rounded(8 / 9), 2],
      [[80, 30, 120, 70], rounded(5 / 6), 1],
    ])
    expect(pairs).not.toContainEqual(half)
  })

  test('is refused where it does not show what its classes are', () => {
    expect(boxProblems(outcomeOf({ output: logits, outputs, label: pixels }))).toEqual([
      expect.stringMatching(/names of classes are not known: whether one of the 3 is nothing.*id2label/),
    ])
  })
})

test('what is suppressed overlaps a better box of its class that is kept, and what is kept does not', () => {
  const side = fc.integer({ min: 0, max: 20 })
  const box = fc.record({
    box: fc.tuple(side, side, side, side).map(([x, y, w, h]) => Float64Array.of(x, y, x + w + 1, y + h + 1)),
    score: fc.integer({ min: 1, max: 1000 }).map((score) => score / 1000),
    class: fc.integer({ min: 0, max: 2 }),
  })
  const overlap = (a: Float64Array, b: Float64Array) => {
    // Pixels counted one by one.
    const cells = (one: Float64Array) =>
      new Set(
        Array.from({ length: one[2]! - one[0]! }, (_, x) =>
          Array.from({ length: one[3]! - one[1]! }, (_, y) => `${one[0]! + x} ${one[1]! + y}`),
        ).flat(),
      )
    const [first, second] = [cells(a), cells(b)]
    const shared = [...first].filter((cell) => second.has(cell)).length
    return shared / (first.size + second.size - shared)
  }
  fc.assert(
    fc.property(fc.array(box, { maxLength: 12 }), (boxes) => {
      const kept = suppressed(boxes, { overlap: 0.5, most: 100 })
      for (const each of boxes) {
        const better = kept.filter((one) => one !== each && one.class === each.class && one.score >= each.score)
        const isCovered = better.some((one) => overlap(one.box as Float64Array, each.box) > 0.5)
        expect(isCovered).toBe(!kept.includes(each))
      }
      expect(suppressed(boxes, { overlap: 0.5, most: 2 })).toEqual(kept.slice(0, 2))
    }),
    { numRuns: 60 },
  )
})
