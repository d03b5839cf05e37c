import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { loadRuntime } from '@pare/evaluate'
import { inferShapes, type Model, modelBytes, parseText, writeModel } from '@pare/onnx'
import { expect, test } from 'vitest'
import { openFeed } from './data/feed.js'
import { buildGraphs } from './graph/graphs.js'
import { merged, withLora } from './lora.js'
import { openPasses } from './passes.js'
import { prepare } from './prepare.js'
import { retrain } from './retrain.js'
import { loaded, temporaryFolder, testModel, trainHere, withNumbers } from './training.test.support.js'

const folder = temporaryFolder()
const data = testModel('data/digits-calibrate.npz')
const lora = { rank: 3, alpha: 12 }

/** The model with so much of each matrix at zero, the smallest. */
function withZeros(model: Model, share: number): Model {
  const values = new Map(model.graph.initializers.map(({ name, data }) => [name, new Float32Array(data.bytes!.slice().buffer)]))
  return withNumbers(model, (id, shape) => {
    const own = values.get(id)!
    if (shape.length < 2) return undefined
    const border = own.map(Math.abs).sort()[Math.floor(own.length * share)]!
    return own.map((value) => (Math.abs(value) < border ? 0 : value))
  })
}

const numbersOf = (length: number, number: (i: number) => number) => Float32Array.from({ length }, (_, i) => number(i))

/** A training that is ready, in a folder of its own. */
async function prepared(model: Model, name: string) {
  const own = join(folder, name)
  await mkdir(own)
  await writeModel(model, join(own, 'model.onnx'))
  const request = { ...{ model: join(own, 'model.onnx'), folder: own, data, lora }, ...{ seed: 1, holdOut: 0, batch: 32 } }
  const plan = await prepare(model, request, { build: buildGraphs, channelBlock: 0 })
  await writeModel(plan.graphs.training, join(own, 'training.onnx'))
  await writeModel(plan.graphs.judging, join(own, 'judging.onnx'))
  return { plan, paths: { training: join(own, 'training.onnx'), judging: join(own, 'judging.onnx') } }
}

test.each([
  0.5, 0,
])('gradients of both matrices are what the loss does when they move, with %s of the weights at zero', async (share) => {
  const { plan, paths } = await prepared(withZeros(await loaded('mlp-digits.onnx'), share), `gradients-${share}`)
  const { graphs, weights, data: own, recipe } = plan
  const { arena, statistics } = weights
  expect(arena.tensors.map(({ name, shape }) => [name, shape.join()]).slice(0, 2)).toEqual([
    ['0.weight/lora_A', '256,3'],
    ['0.weight/lora_B', '3,64'],
  ])
  await using passes = await openPasses(loadRuntime(), { ...graphs, ...paths, arena, statistics, threads: 1 })
  const fed = await openFeed({ ...plan, source: own.source, batch: recipe.batch, teacher: undefined }).draw(0)
  // Where the second is zero, the first has no gradient.
  for (const tensor of arena.tensors) arena.view(tensor, 'weights').set(numbersOf(tensor.elements, (i) => Math.sin(i + 1) / 20))
  await passes.train(fed)
  for (const tensor of arena.tensors) {
    const [values, gradients] = [arena.view(tensor, 'weights'), arena.view(tensor, 'gradients').slice()]
    const most = gradients.reduce((best, value, i) => (Math.abs(value) > Math.abs(gradients[best]!) ? i : best), 0)
    for (const at of [most, values.length - 1]) {
      const before = values[at]!
      const lossAt = async (value: number) => {
        values[at] = value
        return (await passes.judge(fed, undefined)).loss
      }
      const step = 0.01
      const slope = ((await lossAt(before + step)) - (await lossAt(before - step))) / (2 * step)
      values[at] = before
      expect(Math.abs(slope - gradients[at]!)).toBeLessThan(0.01 * Math.abs(gradients[most]!) + 1e-3)
    }
  }
})

test.each([
  0.5, 0,
])('merged, the model computes in ONNX Runtime what it did beside thin matrices, and zeros are zeros, %s of them', async (share) => {
  const model = withZeros(await loaded('mlp-digits.onnx'), share)
  const { plan } = await prepared(model, `merged-${share}`)
  const adapted = await withLora(model, { lora, seed: 1 })
  // `plan.weights` are merged already: what the arena holds is merged here by its own numbers.
  const { arena, keep } = plan.weights
  const numbers = new Map<string, Float32Array>()
  for (const tensor of arena.tensors) {
    arena.view(tensor, 'weights').set(numbersOf(tensor.elements, (i) => Math.cos(3 * i + tensor.elements) / 10))
    numbers.set(tensor.name, arena.view(tensor, 'weights').slice())
  }
  keep()
  const bytes = plan.weights.kept()
  const weights = new Map<string, Float32Array>()
  let at = 0
  for (const { id, shape } of plan.weights.tensors) {
    const length = shape.reduce((product, size) => product * size, 1)
    weights.set(id, new Float32Array(bytes.slice(4 * at, 4 * (at + length)).buffer))
    at += length
  }
  expect([...weights.keys()]).toEqual(['0.weight', '2.weight', '4.weight'])
  const [beside, whole] = [withNumbers(adapted.model, (id) => numbers.get(id)), withNumbers(model, (id) => weights.get(id))]
  const x = Float32Array.from({ length: 5 * 64 }, (_, i) => (i * 7) % 17)
  const [one, other] = [await outputsOf(beside, x), await outputsOf(whole, x)]
  const largest = Math.max(...one.map(Math.abs))
  expect(Math.max(...one.map((value, i) => Math.abs(value - other[i]!)))).toBeLessThan(1e-5 * largest)
  expect(Math.max(...one.map((value, i) => Math.abs(value - other[(i + 10) % 50]!)))).toBeGreaterThan(1e-2 * largest)
  for (const { id, values } of adapted.weights)
    expect([...weights.get(id)!].map((value) => value === 0)).toEqual([...values].map((value) => value === 0))
  expect(merged(plan.weights, []).tensors).toEqual([])
})

async function outputsOf(model: Model, x: Float32Array): Promise<number[]> {
  const { ort } = loadRuntime()
  const session = await ort.InferenceSession.create(await modelBytes(model))
  const result = await session.run({ [session.inputNames[0]!]: new ort.Tensor('float32', x, [5, 64]) })
  await session.release()
  return Array.from(result[session.outputNames[0]!]!.data as Float32Array)
}

test('the loss falls, zeros stay, and nothing but the weights of products comes back', async () => {
  const model = withZeros(await loaded('mlp-digits.onnx'), 0.85)
  const base = new Map(model.graph.initializers.map(({ name, data }) => [name, new Float32Array(data.bytes!.slice().buffer)]))
  const request = { data, steps: 60, learningRate: 5e-3, optimizer: { name: 'adamw', weightDecay: 0 } } as const
  const { reply, tensors } = await trainHere(model, folder, { ...request, lora })
  const lossesOf = ({ curve }: typeof reply) => curve.flatMap(({ loss = [] }) => loss)
  expect(lossesOf(reply).at(-1)).toBeLessThan(lossesOf(reply)[0]! / 3)
  const full = await trainHere(model, folder, request)
  expect(lossesOf(reply).at(-1)).toBeLessThan(3 * lossesOf(full.reply).at(-1)!)
  expect([...tensors.keys()]).toEqual(['0.weight', '2.weight', '4.weight'])
  for (const [id, values] of tensors) {
    const before = base.get(id)!
    expect([...values].map((value) => value === 0)).toEqual([...before].map((value) => value === 0))
    expect([...values]).not.toEqual([...before])
  }
  expect(reply.zeros.after).toBe(reply.zeros.before)
  const sizes = reply.tensors.map(({ shape: [rows, columns] }) => 3 * (rows! + columns!))
  expect(reply.lora).toEqual({
    ...{ rank: 3, alpha: 12, weights: 3, elements: reply.zeros.elements },
    trained: sizes.reduce((sum, size) => sum + size, 0),
  })
})

test('where nothing is masked no gradient of a whole weight is computed', async () => {
  const shapesOf = async (share: number) => {
    const { plan } = await prepared(withZeros(await loaded('mlp-digits.onnx'), share), `sizes-${share}`)
    const { shapes } = await inferShapes(plan.graphs.training)
    const { nodes } = plan.graphs.training.graph
    return nodes.flatMap(({ outputs }) => outputs.map((name) => shapes.get(name)?.join()))
  }
  // The first weight is [256, 64]: with zeros it is put together, and has a gradient.
  expect((await shapesOf(0.5)).filter((shape) => shape === '256,64').length).toBeGreaterThan(2)
  expect(await shapesOf(0)).not.toContain('256,64')
})

test('tables that are looked up in, convolutions and vectors are left alone; globs name weights', async () => {
  const model = parseText(
    `g (int64[N] ids) => (float[N, 4] y) <float[9, 4] table, float[4, 4] first, float[4] bias = {1, 2, 3, 4}, float[4, 4] second>
     { x = Gather(table, ids) a = MatMul(x, first) b = Add(a, bias) y = MatMul(b, second) }`,
    { table: new Float32Array(36).fill(1), first: new Float32Array(16).fill(1), second: new Float32Array(16).fill(1) },
  )
  const idsOf = async (targets?: readonly string[]) =>
    (await withLora(model, { lora: { rank: 9, ...(targets && { targets }) }, seed: 1 })).weights.map(({ id, rank }) => [id, rank])
  expect(await idsOf()).toEqual([
    ['first', 4],
    ['second', 4],
  ])
  expect(await idsOf(['sec*'])).toEqual([['second', 4]])
  await expect(idsOf(['table'])).rejects.toThrow("lora finds no weight of a matrix product; 'table' [9,4] is not multiplied")
})

test('what cannot be is told before anything is read', async () => {
  const model = await loaded('mlp-digits.onnx')
  const wrong = { rank: 0.5, alpha: -1 }
  await expect(retrain(model, { data, lora: wrong, movement: { sparsity: 0.5 } })).rejects.toThrow(
    'retrain: lora: rank is 0.5, expected a whole number from 1 on; alpha is -1, expected a number above 0; movement pruning',
  )
})
