import { fileURLToPath } from 'node:url'
import { inferShapes, type Model, modelBytes, openModel, readAll, valuesOf } from '@pare/onnx'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { gradient } from './gradient.js'
import { withLoss } from './loss.js'

const model = (name: string) => fileURLToPath(new URL(`../../../test-models/${name}.onnx`, import.meta.url))

test('with a limit to what is kept the gradients are the same, and the backward pass reads no more than that', async () => {
  const file = await openModel(model('kjv-bert'))
  try {
    const shape = [4, 48]
    const inputs = { input_ids: shape, attention_mask: shape }
    const { model: judged, loss } = withLoss(file.model, [{ kind: 'cross-entropy', output: 'logits' }])
    const wrt = judged.graph.initializers
      .filter(({ type, shape }) => type === 'float32' && shape.length > 0)
      .map(({ name }) => name)
    const free = await gradient(judged, { of: loss, wrt })
    const all = await readBytes(free.model, judged.graph.nodes.length, inputs)
    const bytes = all / 3
    const limited = await gradient(judged, { of: loss, wrt, memory: { bytes, inputs } })
    expect(await readBytes(limited.model, judged.graph.nodes.length, inputs)).toBeLessThan(bytes)

    const feeds: Record<string, Tensor> = {
      input_ids: new Tensor(
        'int64',
        BigInt64Array.from({ length: 192 }, (_, i) => BigInt((i * 37) % 900)),
        shape,
      ),
      attention_mask: new Tensor('int64', new BigInt64Array(192).fill(1n), shape),
      'pare/target': new Tensor('int64', BigInt64Array.of(0n, 3n, 5n, 1n), [4]),
    }
    for (const { name, type, shape, data } of judged.graph.initializers.filter(({ name }) => wrt.includes(name)))
      feeds[name] = new Tensor('float32', valuesOf(type, await readAll(data)) as Float32Array, shape)
    const [expected, actual] = [await run(free.model, feeds), await run(limited.model, feeds)]
    expect(actual[loss]!.data).toEqual(expected[loss]!.data)
    for (const name of wrt) {
      const [a, b] = [expected[free.gradients.get(name)!]!.data, actual[limited.gradients.get(name)!]!.data] as [
        Float32Array,
        Float32Array,
      ]
      const most = a.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
      expect(a.length).toBeGreaterThan(0)
      for (let i = 0; i < a.length; i++)
        if (!(Math.abs(a[i]! - b[i]!) <= 1e-5 * most + 1e-8)) throw new Error(`${name}[${i}]: ${a[i]} and ${b[i]}`)
    }
  } finally {
    await file[Symbol.asyncDispose]()
  }
})

async function run(model: Model, feeds: Record<string, Tensor>) {
  const session = await InferenceSession.create(await modelBytes(model), { logSeverityLevel: 3 })
  return session.run(feeds)
}

/** Bytes of what the forward pass makes, and the backward pass behind it reads; views count once. */
async function readBytes(
  { graph, ...model }: Model,
  forward: number,
  inputs: Record<string, readonly number[]>,
): Promise<number> {
  const { shapes } = await inferShapes({ graph, ...model }, { inputs })
  const roots = new Map<string, string>()
  const made = new Set<string>()
  for (const {
    op,
    inputs: [from = ''],
    outputs,
  } of graph.nodes.slice(0, forward)) {
    for (const name of outputs) made.add(name)
    if (/^(Reshape|Squeeze|Unsqueeze|Flatten|Identity)$/.test(op)) roots.set(outputs[0]!, roots.get(from) ?? from)
  }
  const read = graph.nodes.slice(forward).flatMap((node) => node.inputs.filter((name) => made.has(name)))
  return [...new Set(read.map((name) => roots.get(name) ?? name))]
    .map((name) => 4 * (shapes.get(name) ?? []).reduce((a, b) => a * b, 1))
    .reduce((a, b) => a + b, 0)
}
