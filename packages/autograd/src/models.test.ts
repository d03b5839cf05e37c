import { fileURLToPath } from 'node:url'
import { type Model, modelBytes, openModel, readAll, valuesOf } from '@pare/onnx'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { array } from './evaluate64/array.test.support.js'
import { evaluator } from './evaluate64/evaluate.test.support.js'
import { gradient } from './gradient.js'
import { withLoss } from './loss.js'

const PATH = (name: string) => fileURLToPath(new URL(`../../../test-models/${name}.onnx`, import.meta.url))

/** Of a weight, for a central difference in float64. */
const STEP = 1e-6
/** Weights of a model that are tried, each of another tensor. */
const WEIGHTS = 8

test.each([
  ['mnist-resnet20-bn', [1]],
  ['mnist-mobilenet-bn', [1]],
  ['kjv-bert', [1, 9]],
  ['lm-llama', [1, 5]],
] as const)('%s: gradients of single weights = central differences in float64', async (name, [batch, seq = 1]) => {
  const file = await openModel(PATH(name))
  try {
    const isText = name === 'lm-llama'
    const options = isText ? ({ kind: 'next-token', target: 'input_ids' } as const) : ({ kind: 'cross-entropy' } as const)
    const { model, loss } = withLoss(file.model, [{ ...options, output: 'logits' }])
    const wrt = model.graph.initializers
      .filter(({ type, shape }) => type === 'float32' && shape.length > 1)
      .map(({ name }) => name)
    const made = await gradient(model, { of: loss, wrt, noRule: 'freeze' })
    expect(made.gradients.size).toBeGreaterThan(WEIGHTS)
    const session = await InferenceSession.create(await modelBytes(made.model), { logSeverityLevel: 3 })
    const weights = await weightsOf(model, wrt)
    const feeds: Record<string, Tensor> = {
      ...feedsOf(file.model, batch, seq),
      ...(isText ? {} : { 'pare/target': new Tensor('int64', BigInt64Array.of(3n), [1]) }),
      ...Object.fromEntries(weights),
    }
    const fed = Object.fromEntries(Object.entries(feeds).filter(([name]) => session.inputNames.includes(name)))
    const outputs = await session.run(fed)
    const evaluate = await evaluator(model)
    const exact = Object.fromEntries(
      Object.entries(feeds).map(([name, { dims, data, type }]) => [
        name,
        array(dims, Float64Array.from(data as ArrayLike<number | bigint>, Number), type as 'float32'),
      ]),
    )
    const lossWith = (name: string, i: number, value: number): number => {
      const weight = exact[name]!
      const data = weight.data.slice()
      data[i] = value
      return evaluate({ ...exact, [name]: { ...weight, data } }).get(loss)!.data[0]!
    }
    const errors = spread([...made.gradients.keys()], WEIGHTS).map((name) => {
      const g = outputs[made.gradients.get(name)!]!.data as Float32Array
      const i = steepest(g)
      const weight = exact[name]!.data[i]!
      const slope = (lossWith(name, i, weight + STEP) - lossWith(name, i, weight - STEP)) / (2 * STEP)
      return Math.abs(slope - g[i]!) / Math.abs(slope)
    })
    errors.sort((a, b) => a - b)
    expect(errors[errors.length >> 1]).toBeLessThan(1e-3)
    expect(errors.at(-1)).toBeLessThan(1e-2)
  } finally {
    await file[Symbol.asyncDispose]()
  }
})

/** So many of a list, from its first to its last. */
function spread<T>(list: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, i) => list[Math.round((i * (list.length - 1)) / (count - 1))]!)
}

/** Where one weight matters most. */
function steepest(g: Float32Array): number {
  return g.reduce((best, value, i) => (Math.abs(value) > Math.abs(g[best]!) ? i : best), 0)
}

function feedsOf({ graph }: Model, batch: number, seq: number): Record<string, Tensor> {
  return Object.fromEntries(
    graph.inputs.map(({ name, type, shape = [] }) => {
      const dims = shape.map((size, axis) => (typeof size === 'number' ? size : axis === 0 ? batch : seq))
      const length = dims.reduce((a, b) => a * b, 1)
      if (type === 'float32')
        return [
          name,
          new Tensor(
            'float32',
            Float32Array.from({ length }, (_, i) => Math.sin(i * 1.3)),
            dims,
          ),
        ]
      const id = (i: number) => (name === 'attention_mask' ? 1n : BigInt((i * 311 + 17) % 1000))
      return [
        name,
        new Tensor(
          'int64',
          BigInt64Array.from({ length }, (_, i) => id(i)),
          dims,
        ),
      ]
    }),
  )
}

async function weightsOf({ graph }: Model, names: readonly string[]): Promise<[string, Tensor][]> {
  const weights: [string, Tensor][] = []
  for (const { name, type, shape, data } of graph.initializers) {
    if (!names.includes(name)) continue
    weights.push([name, new Tensor('float32', (valuesOf(type, await readAll(data)) as Float32Array).slice(), shape)])
  }
  return weights
}
