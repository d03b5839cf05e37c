import { createRequire } from 'node:module'
import { editTensor, type Model, makePayload, modelBytes, parseText, readAll, valuesOf, withTensors } from '@pare/onnx'
import type { Tensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { type Feeds, floats, type RelayLog, relayOver } from '../calibrate/relay.test.support.js'
import type { PartJob, TrainPart } from './part-job.js'
import { recoverBlocks } from './recover-blocks.js'

const runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node')
const nothing = { steps: [], seed: 1 }

/** Other elements for some constants of the main graph. */
function withValues(model: Model, values: Readonly<Record<string, readonly number[]>>): Model {
  return withTensors(model, (tensor, id) => {
    const own = values[id]
    return own === undefined ? tensor : editTensor(tensor, { data: makePayload(new Uint8Array(Float32Array.from(own).buffer)) })
  })
}

async function numbers(model: Model, name: string): Promise<number[]> {
  const tensor = model.graph.initializers.find((each) => each.name === name)!
  return Array.from(valuesOf(tensor.type, await readAll(tensor.data)) as Float32Array)
}

/** The arrays of a job as ONNX Runtime takes them. */
function feedsOf({ inputs, model }: PartJob): Record<string, Tensor> {
  const read = new Set(model.graph.inputs.map(({ name }) => name))
  return Object.fromEntries(
    inputs
      .filter(({ name }) => read.has(name))
      .map(({ name, type, shape, pieces }) => {
        const bytes = Buffer.concat(pieces)
        const data = new (type === 'int64' ? BigInt64Array : Float32Array)(
          bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
        )
        return [name, new runtime.Tensor(type as 'float32', data as Float32Array, [...shape])]
      }),
  )
}

async function lossOf(job: PartJob): Promise<number> {
  const session = await runtime.InferenceSession.create(await modelBytes(job.model), { logSeverityLevel: 3 })
  const results = await session.run(feedsOf(job))
  return (results[job.loss]!.data as Float32Array)[0]!
}

const floatsOf = ({ inputs }: PartJob, name: string) => {
  const bytes = Buffer.concat(inputs.find((each) => each.name === name)!.pieces)
  return Array.from(new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)))
}

/** h = x + a·relu(x), y = h + b·relu(h), element by element. */
const two = parseText(
  `g (float[N, 1] x) => (float[N, 1] z) <float[1, 1] a = {1}, float[1, 1] b = {2}, float[1, 1] c = {1}> {
    r = Relu(x) p = MatMul(r, a) h = Add(x, p)
    s = Relu(h) q = MatMul(s, b) y = Add(h, q)
    z = MatMul(y, c)
  }`,
)
const samples: readonly Feeds[] = [{ x: floats([1, 2], [2, 1]) }, { x: floats([3], [1, 1]) }]

describe('parts are trained one after another', () => {
  // Dense: h = 2x, y = 6x. Pruned: a = 0, so h = x and y = 3x.
  const pruned = withValues(two, { a: [0] })

  test('each on what the trained ones before it give, to give what the reference gives by itself', async () => {
    const jobs: { name: string; entry: number[]; aim: number[]; loss: number; constants: readonly string[] }[] = []
    const train: TrainPart = async (job) => {
      jobs.push({
        ...{ name: job.name, entry: floatsOf(job, 'given_0'), aim: floatsOf(job, 'aim'), loss: await lossOf(job) },
        constants: job.constants,
      })
      // Half of the way: h = 1.5 x.
      return {
        tensors: new Map(job.name === 'h' ? [['a', Float32Array.of(0.5)]] : [['b', Float32Array.of(3)]]),
        errors: { before: 2, after: 1 },
      }
    }
    const recovered = await recoverBlocks(two, pruned, { ...nothing, forward: relayOver(samples), train })
    // ‖x − 2x‖² ÷ ‖2x‖² = 1/4. Then h = 1.5 x, y = 1.5 x · 3 = 4.5 x: ‖4.5 x − 6x‖² ÷ ‖6x‖² = 1/16.
    expect(jobs).toEqual([
      { name: 'h', entry: [1, 2, 3], aim: [2, 4, 6], loss: expect.closeTo(1 / 4, 6), constants: ['a'] },
      { name: 'y', entry: [1.5, 3, 4.5], aim: [6, 12, 18], loss: expect.closeTo(1 / 16, 6), constants: ['b'] },
    ])
    expect([...recovered.tensors]).toEqual([
      ['a', Float32Array.of(0.5)],
      ['b', Float32Array.of(3)],
    ])
    expect(recovered.parts).toEqual([
      { name: 'h', errors: { before: 2, after: 1 } },
      { name: 'y', errors: { before: 2, after: 1 } },
    ])
    expect(await numbers(pruned, 'a')).toEqual([0])
  })

  test('what lies before the first change is left, and what a tensor is read by elsewhere', async () => {
    const names: string[] = []
    const train: TrainPart = async ({ name }) => {
      names.push(name)
      return { tensors: new Map() }
    }
    await recoverBlocks(two, withValues(two, { b: [0] }), { ...nothing, forward: relayOver(samples), train })
    expect(names).toEqual(['y'])
    const untouched = await recoverBlocks(two, two, { ...nothing, forward: relayOver(samples), train })
    expect(untouched).toMatchObject({ parts: [], notes: ['no block was changed by pruning, so none was trained'] })
    const shared = parseText(
      `g (float[N, 1] x) => (float[N, 1] y) <float[1, 1] a = {1}> {
        r = Relu(x) p = MatMul(r, a) h = Add(x, p) s = Relu(h) q = MatMul(s, a) y = Add(h, q) }`,
    )
    const constants: (readonly string[])[] = []
    const note: TrainPart = async (job) => {
      constants.push(job.constants)
      return { tensors: new Map() }
    }
    await recoverBlocks(shared, withValues(shared, { a: [0] }), { ...nothing, forward: relayOver(samples), train: note })
    expect(constants).toEqual([[], []])
  })

  test('nothing is computed twice, however many parts there are', async () => {
    const counts = await Promise.all(
      [2, 6].map(async (depth) => {
        const nodes = Array.from(
          { length: depth },
          (_, i) => `r${i} = Relu(h${i}) p${i} = MatMul(r${i}, a${i}) h${i + 1} = Add(h${i}, p${i})`,
        )
        const constants = Array.from({ length: depth }, (_, i) => `float[1, 1] a${i} = {1}`)
        const model = parseText(`g (float[N, 1] h0) => (float[N, 1] h${depth}) <${constants.join()}> { ${nodes.join(' ')} }`)
        const log: RelayLog = { ran: [], most: 0, open: 0 }
        const train: TrainPart = async () => ({ tensors: new Map() })
        const forward = relayOver([{ h0: floats([1, 2], [2, 1]) }], log)
        await recoverBlocks(model, withValues(model, { a0: [0] }), { ...nothing, forward, train })
        return log.ran.flat().filter((op) => op === 'MatMul').length
      }),
    )
    // Each part once as it is and once as it was; the last one of the pruned model gives nothing that is asked for.
    expect(counts).toEqual([3, 11])
  })
})

test('positions that only fill samples up do not count', async () => {
  const model = parseText(
    `g (int64[N, S] input_ids, int64[N, S] attention_mask) => (float[N, S, 1] y)
      <float[3, 1] table = {1, 2, 4}, float[1, 1] a = {1}> {
      x = Gather(table, input_ids) r = Relu(x) p = MatMul(r, a) y = Add(x, p) }`,
  )
  const ints = (values: readonly number[]) => new runtime.Tensor('int64', BigInt64Array.from(values, BigInt), [2, 2])
  const batch = { input_ids: ints([0, 1, 0, 2]), attention_mask: ints([1, 1, 1, 0]) } as Feeds
  const losses: number[] = []
  const train: TrainPart = async (job) => {
    expect(floatsOf(job, 'kept')).toEqual([1, 1, 1, 0])
    losses.push(await lossOf(job))
    return { tensors: new Map() }
  }
  await recoverBlocks(model, withValues(model, { a: [0] }), { ...nothing, forward: relayOver([batch]), train })
  // y − aim is 1, 2, 1 and, not counted, 4; the mean square of the aim is (4 + 16 + 4 + 64) ÷ 4 over all positions.
  expect(losses).toEqual([expect.closeTo((1 + 4 + 1) / 3 / 22, 6)])
})

describe('what cannot be trained says why', () => {
  const train: TrainPart = async () => ({ tensors: new Map() })

  test('a model without residual blocks', async () => {
    const model = parseText(`g (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { [first] y = MatMul(x, w) }`)
    const trying = recoverBlocks(model, withValues(model, { w: [1, 0, 3, 4] }), {
      ...nothing,
      forward: relayOver(samples),
      train,
    })
    await expect(trying).rejects.toThrow(
      "recover: blocks cannot be trained, since there are no residual blocks in the model: what 'first' gives is never added to what it is given.",
    )
  })

  test('samples of different sizes', async () => {
    const model = parseText(
      `g (float[N, S, 1] x) => (float[N, S, 1] y) <float[1, 1] a = {1}> { r = Relu(x) p = MatMul(r, a) y = Add(x, p) }`,
    )
    const uneven = [{ x: floats([1, 2], [1, 2, 1]) }, { x: floats([1, 2, 3], [1, 3, 1]) }]
    const trying = recoverBlocks(model, withValues(model, { a: [0] }), { ...nothing, forward: relayOver(uneven), train })
    await expect(trying).rejects.toThrow("recover: 'x' is [2,1] for some samples and [3,1] for others.")
  })
})
