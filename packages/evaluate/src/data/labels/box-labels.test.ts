import { modelBytes, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { array, npzBytes, put, temporaryFolder } from '../../fixture.test.files.js'
import { measure } from '../../measure/measure.js'
import { loadRuntime } from '../../process/runtime.js'
import { joinBoxes } from './box-labels.js'

const folder = temporaryFolder()
const text = '<ir_version: 8, opset_import: ["" : 17]> g (float[n, 2, 6] x) => (float[n, 2, 6] y) { y = Identity(x) }'
const model = put(folder, 'm.onnx', await modelBytes(parseText(text)))
const value = async (data: string, metric = 'map') =>
  (await measure(loadRuntime(), { model, data, metrics: [metric] })).metrics[metric]

// Of the first image both are found, of the second, in which nothing is, none is wrong: it has no score.
const x = [
  [
    [0, 0, 10, 10, 0.9, 1],
    [20, 20, 120, 120, 0.8, 0],
  ],
  [
    [0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0],
  ],
]
const lines = (name: string, rows: readonly object[]) => put(folder, name, rows.map((row) => JSON.stringify(row)).join('\n'))

test('boxes, classes, crowds and areas are arrays of their own, of any number for each image', async () => {
  const corners = [
    {
      x: x[0],
      boxes: [
        [0, 0, 10, 10],
        [20, 20, 120, 120],
      ],
      labels: [1, 0],
    },
    { x: x[1], boxes: [], labels: [] },
  ]
  expect(await value(lines('corners.jsonl', corners))).toBe(1)
  const widths = [
    {
      x: x[0],
      bbox: [
        [0, 0, 10, 10],
        [20, 20, 100, 100],
        [50, 50, 4, 4],
      ],
      category_id: [1, 0, 0],
      iscrowd: [0, 0, 1],
      area: [100, 9000, 16],
    },
    { x: x[1], bbox: [[1, 1, 3, 3]], category_id: [0], iscrowd: [1], area: [9] },
  ]
  // Crowds need not be found.
  const coco = lines('widths.jsonl', widths)
  expect(await value(coco)).toBe(1)
  expect([await value(coco, 'map:size=small'), await value(coco, 'map:size=medium')]).toEqual([1, 1])
  // Its area is medium though its box is large.
  await expect(measure(loadRuntime(), { model, data: coco, metrics: ['map:size=large'] })).resolves.toMatchObject({
    unmeasured: [{ metric: 'map:size=large' }],
  })
  const arrays = npzBytes({
    x: array('float32', [1, 2, 6], x[0]!.flat()),
    boxes: array('float32', [1, 2, 4], [0, 0, 10, 10, 20, 20, 120, 120]),
    labels: array('int64', [1, 2], [1, -1]),
  })
  // One class is expected, and found: the other box is of a class without any.
  expect(await value(put(folder, 'd.npz', arrays))).toBe(1)
})

test('what does not belong together is told', () => {
  const boxes = array('float32', [2, 4], [0, 0, 1, 1, 0, 0, 2, 2])
  expect(() => joinBoxes(new Map([['boxes', boxes]]), 'd')).toThrow("d: 'boxes' without 'labels', the class of each box")
  const labels = array('int64', [1], [0])
  expect(() =>
    joinBoxes(
      new Map([
        ['boxes', boxes],
        ['labels', labels],
      ]),
      'd',
    ),
  ).toThrow("d: 'labels' is int64[1], expected one for each box: [2]")
  expect(() => joinBoxes(new Map([['bbox', labels]]), 'd')).toThrow("d: 'bbox' is int64[1], expected [boxes, 4]")
})
