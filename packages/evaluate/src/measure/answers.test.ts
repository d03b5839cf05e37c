import { modelBytes, parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import { array, npzBytes, put, temporaryFolder } from '../fixture.test.files.js'
import { evaluate } from '../jobs.test.files.js'

const folder = temporaryFolder()
const write = async (name: string, text: string) => put(folder, name, await modelBytes(parseText(text)))
const model = (name: string, body: string) =>
  write(name, `<ir_version: 8, opset_import: ["" : 17]> m (float[N, 2] x) => (float[N, 2] y) { ${body} }`)

// Scores of two classes: the right ones are 1, 0, 0, 1.
const two = { x: array('float32', [4, 2], [0, 2, 3, 0, 0, 1, 0, 0]), label: array('int64', [4], [1, 0, 0, 1]) }
const data = put(folder, 'two.npz', npzBytes(two))

test('a model and its reference: answers, confidences and labels, in the order of the samples', async () => {
  const [own, reference] = [await model('same.onnx', 'y = Identity(x)'), await model('negated.onnx', 'y = Neg(x)')]
  const found = await evaluate({ model: own, reference, data, metrics: ['accuracy'] })
  expect(found.labels).toEqual([1, 0, 0, 1])
  // Of equals the first.
  expect(found.answers?.predicted).toEqual([1, 0, 1, 0])
  expect(found.reference?.answers?.predicted).toEqual([0, 1, 0, 0])
  // The logistic function at the distance of the two scores.
  const sure = (distance: number) => expect.closeTo(1 / (1 + Math.exp(-distance)), 6)
  expect(found.answers?.confidence).toEqual([sure(2), sure(3), sure(1), 0.5])
})

test('probabilities are taken as they are, once all samples are', async () => {
  const softmax = await model('softmax.onnx', 'y = Softmax(x)')
  const { answers } = await evaluate({ model: softmax, data, metrics: ['accuracy'], batch: 1 })
  expect(answers?.confidence?.[1]).toBeCloseTo(1 / (1 + Math.exp(-3)), 6)
})

test('a sample whose label does not count has no class', async () => {
  const same = await model('ignored.onnx', 'y = Identity(x)')
  const some = put(folder, 'some.npz', npzBytes({ ...two, label: array('int64', [4], [1, -100, 0, 1]) }))
  const { labels, answers } = await evaluate({ model: same, data: some, metrics: ['accuracy'] })
  expect([labels, answers?.predicted]).toEqual([
    [1, -1, 0, 1],
    [1, -1, 1, 0],
  ])
})

test('models that answer with classes alone are not sure of anything', async () => {
  const classes = await write(
    'classes.onnx',
    `<ir_version: 8, opset_import: ["" : 17]> m (float[N, 2] x) => (int64[N] y) { y = ArgMax <axis = 1, keepdims = 0> (x) }`,
  )
  const { answers } = await evaluate({ model: classes, data, metrics: ['accuracy'] })
  expect(answers).toEqual({ predicted: [1, 0, 1, 0] })
})

test('of several labels at once, and of places, there are none', async () => {
  const same = await model('many.onnx', 'y = Identity(x)')
  const many = put(folder, 'many.npz', npzBytes({ ...two, label: array('int64', [4, 2], [1, 1, 0, 1, 0, 0, 1, 0]) }))
  const found = await evaluate({ model: same, data: many, metrics: ['f1:average=micro'] })
  expect([found.answers, found.labels]).toEqual([undefined, undefined])
})

test('a model whose input is text: the beginning of the text of what changed sides', async () => {
  const head = '<ir_version: 8, opset_import: ["" : 17]> m (string[N] text, float[N, 2] x) => (float[N, 2] y)'
  const own = await write('text.onnx', `${head} { y = Identity(x) }`)
  const reference = await write('text-negated.onnx', `${head} { y = Neg(x) }`)
  const long = 'a'.repeat(300)
  const rows = [
    ['one', [0, 2], 1],
    [long, [3, 0], 0],
    ['three', [0, 1], 0],
    ['four', [0, 0], 1],
  ].map(([text, x, label]) => JSON.stringify({ text, x, label }))
  const { texts } = await evaluate({
    ...{ model: own, reference, metrics: ['accuracy'] },
    data: put(folder, 'text.jsonl', rows.join('\n')),
  })
  expect(texts).toEqual({ 0: 'one', 1: `${'a'.repeat(199)}…`, 2: 'three' })
})
