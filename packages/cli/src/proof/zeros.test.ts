import { applyPlan, gatePlan, makePlan } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { bytesOf, editGraph, editModel, editTensor, type Model, makePayload, parseText, readAll, valuesOf } from '@pare/onnx'
import { neuron } from '@pare/structure-neuron'
import { expect, it } from 'vitest'
import { silence } from '../terminal/progress.js'
import { compared } from './prove.js'
import { withoutZeros } from './zeros.js'

const numbers = (count: number) => Array.from({ length: count }, (_, i) => Math.sin(i * i + 1).toFixed(3)).join(', ')
const zeros = (count: number) => Array.from({ length: count }, () => 0).join(', ')

/** Two layers, the second of which is not trained, stored the other way round, behind a residual branch whose scale starts at 0. */
const untrained = () =>
  parseText(
    `g (float[N, 4] x) => (float[N, 4] y) <float[4, 8] w = {${numbers(32)}}, float[8] b = {${zeros(8)}}, float[4, 8] v = {${zeros(32)}}, float[1] gamma = {0}>
     { h = MatMul(x, w)\n a = Add(h, b)\n r = Relu(a)\n t = Transpose<perm = [1, 0]>(v)\n o = MatMul(r, t)\n s = Mul(o, gamma)\n y = Add(x, s) }`,
  )

async function valuesBy(model: Model): Promise<Record<string, readonly number[]>> {
  const entries = model.graph.initializers.map(
    async ({ name, type, data }) => [name, Array.from(valuesOf(type, await readAll(data)) as Float32Array)] as const,
  )
  return Object.fromEntries(await Promise.all(entries))
}

it('fills what is multiplied with and zero throughout, and nothing else', async () => {
  const model = untrained()
  const [before, after] = [await valuesBy(model), await valuesBy(await withoutZeros(model))]
  expect(after).toMatchObject({ w: before.w, b: before.b })
  expect(after.v!.every((value) => value > 0)).toBe(true)
  expect(new Set(after.v).size).toBe(32)
  expect(after.gamma![0]).toBeGreaterThan(0)
})

it('leaves a model alone in which no factor is zero throughout', async () => {
  const model = parseText(`g (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {0, 0, 0, 1}> { y = MatMul(x, w) }`)
  expect(await withoutZeros(model)).toBe(model)
})

it('lets a damaged cut be seen behind zeros', async () => {
  const step = { structure: neuron(), criterion: magnitude(), target: { ratio: 0.5 } }
  const differenceOf = async (model: Model) => {
    const { steps } = await makePlan(model, [step], { seed: 0 })
    const [cut] = steps
    if (cut?.kind !== 'cut') throw new Error('no cut')
    const expected = await gatePlan(model, cut)
    const damaged = await rolled(await applyPlan(model, { seed: 0, steps }), 'w')
    const work = { signal: new AbortController().signal, progress: silence, label: 'zeros', engine: {}, step: 'cut' } as const
    return (await compared(expected, damaged, 1e-4, work)).relative
  }
  expect(await differenceOf(untrained())).toBe(0)
  expect(await differenceOf(await withoutZeros(untrained()))).toBeGreaterThan(1e-2)
})

/** The units of a weight in another order, and nothing else. */
async function rolled(model: Model, name: string): Promise<Model> {
  const initializers = await Promise.all(
    model.graph.initializers.map(async (tensor) => {
      if (tensor.name !== name) return tensor
      const values = Array.from(valuesOf(tensor.type, await readAll(tensor.data)) as Float32Array)
      return editTensor(tensor, { type: tensor.type, data: makePayload(bytesOf(tensor.type, [...values.slice(1), values[0]!])) })
    }),
  )
  return editModel(model, { graph: editGraph(model.graph, { initializers }) })
}
