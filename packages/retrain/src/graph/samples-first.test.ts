import { parseText, writeModel } from '@pare/onnx'
import { expect, test } from 'vitest'
import { jsonLines, temporaryFolder, trainHere } from '../training.test.support.js'
import { samplesFirst } from './samples-first.js'

const folder = temporaryFolder()

/** Weights that differ, and lie between −½ and ½. */
const some = (length: number, seed: number) => Array.from({ length }, (_, i) => Math.sin(seed + 1.7 * i) / 2)

/** A score for each step of each sample. */
const each = (x: string, y: string) =>
  parseText(
    `<opset_import: ["": 17]> g (float[${x}, 3] x) => (float[${y}, 2] y)
     <float[3, 4] w = {${some(12, 1)}}, float[4, 2] v = {${some(8, 2)}}> { h = MatMul(x, w) r = Relu(h) y = MatMul(r, v) }`,
  )

/** A score for each sample, of the last state of an LSTM. `seqFirst`: the data come as the LSTM reads them. */
const recurrent = (seqFirst: boolean) =>
  parseText(
    `<opset_import: ["": 17]> g (float[${seqFirst ? 'seq, batch' : 'batch, seq'}, 3] x) => (float[batch, 2] y)
     <float[3, 3] u = {${some(9, 4)}}, float[1, 16, 3] w = {${some(48, 1)}}, float[1, 16, 4] r = {${some(64, 2)}}, float[4, 2] v = {${some(8, 3)}}, int64[1] direction = {0}> {
       ${seqFirst ? 's = Identity(x)' : 's = Transpose<perm = [1, 0, 2]>(x)'}
       t = MatMul(s, u)
       all, last, cell = LSTM<hidden_size = 4>(t, w, r)
       h = Squeeze(last, direction)
       y = MatMul(h, v)
     }`,
  )

const samples = (label: (i: number) => unknown) =>
  Array.from({ length: 12 }, (_, i) => ({ x: [0, 1, 2, 3, 4].map((t) => some(3, 7 * i + t)), label: label(i) }))
const steps = jsonLines(
  folder,
  'steps.jsonl',
  samples((i) => [0, 1, 2, 3, 4].map((t) => (i * t) % 2)),
)
const whole = jsonLines(
  folder,
  'whole.jsonl',
  samples((i) => i % 2),
)

/** Sums in another order round otherwise. */
function expectAlike(tensors: ReadonlyMap<string, Float32Array>, others: ReadonlyMap<string, Float32Array>) {
  expect([...tensors.keys()]).toEqual([...others.keys()])
  for (const [name, values] of tensors)
    for (const [i, value] of values.entries()) expect(value).toBeCloseTo(others.get(name)![i]!, 5)
}

const settings = { steps: 6, batch: 4, learningRate: 0.01 }

test('a model with its steps first learns what the same model learns with its samples first', async () => {
  const [first, second] = [
    await trainHere(each('batch, seq', 'batch, seq'), folder, { data: steps, ...settings }),
    await trainHere(each('seq, batch', 'seq, batch'), folder, { data: steps, ...settings }),
  ]
  expectAlike(second.tensors, first.tensors)
  expect(second.tensors.get('w')).not.toEqual(Float32Array.from(some(12, 1)))
})

test('what the names do not tell is said', async () => {
  const first = await trainHere(each('batch, seq', 'batch, seq'), folder, { data: steps, ...settings })
  const said = await trainHere(each('a, b', 'a, b'), folder, { data: steps, ...settings, batchAxis: 1 })
  expectAlike(said.tensors, first.tensors)
  await expect(trainHere(each('a, b', 'a, b'), folder, { data: steps, ...settings, batchAxis: { z: 1 } })).rejects.toThrow(
    "'z' is neither an input nor an output",
  )
})

test('behind an LSTM, through which no gradient comes, it learns the same, too', async () => {
  const [first, second] = [
    await trainHere(recurrent(false), folder, { data: whole, ...settings }),
    await trainHere(recurrent(true), folder, { data: whole, ...settings }),
  ]
  expectAlike(second.tensors, first.tensors)
  expect(second.reply.frozen.map(([name]) => name)).toEqual(['u'])
})

test('a teacher is turned as well, and hidden values of both are compared', async () => {
  const distill = async (shape: string) => {
    const teacher = each(shape, shape)
    const path = `${folder}/reference.onnx`
    await writeModel(teacher, path)
    return trainHere(
      parseText(`<opset_import: ["": 17]> g (float[${shape}, 3] x) => (float[${shape}, 2] y)
     <float[3, 4] w = {${some(12, 4)}}, float[4, 2] v = {${some(8, 5)}}> { h = MatMul(x, w) r = Relu(h) y = MatMul(r, v) }`),
      folder,
      {
        data: steps,
        ...settings,
        distill: { teacher: path, hidden: [['r', 'r']] },
      },
    )
  }
  expectAlike((await distill('seq, batch')).tensors, (await distill('batch, seq')).tensors)
})

test('a model whose samples are first stays as it is; one that is read in a branch is refused', () => {
  const model = each('batch, seq', 'batch, seq')
  expect(samplesFirst(model)).toBe(model)
  const nested = parseText(
    `g (float[seq, batch] x, bool c) => (float[seq, batch] y) {
      y = If (c) <then_branch = t () => (float[seq, batch] z) { z = Identity(x) }, else_branch = e () => (float[seq, batch] z) { z = Neg(x) }>
    }`,
  )
  expect(() => samplesFirst(nested)).toThrow("'x' has its samples on axis 1, and a branch or a loop reads it")
})
