import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseText } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import type { BuildGraphs } from './graph/graphs.js'
import { jsonLines, loaded, temporaryFolder, testModel, trainHere, untrained, withNumbers } from './training.test.support.js'

const folder = temporaryFolder()
const plain = {
  optimizer: { name: 'sgd', momentum: 0, weightDecay: 0 },
  schedule: 'constant',
  warmup: 0,
  clip: Number.POSITIVE_INFINITY,
} as const

/** y = x · w, and by hand its loss mean (y − t)² with the gradient 2 xᵀ (y − t) ÷ n. */
const line = parseText('g (float[N, 1] x) => (float[N, 1] y) <float[1, 1] w = {1}> { y = MatMul(x, w) }')
const lineByHand: BuildGraphs = async () => {
  const header = 'g (float[N, 1] x, float[1, 1] w, float[N, 1] t)'
  const forward = 'y = MatMul(x, w) away = Sub(y, t) squares = Mul(away, away) loss = ReduceMean<keepdims = 0>(squares)'
  const rename = (text: string) => parseText(`<ir_version: 9, opset_import: ["": 17]> ${text.replaceAll(/\bt\b/g, 'target')}`)
  const training = rename(`${header} => (float loss, float[1, 1] gradient) <float two = {2}> {
    ${forward} turned = Transpose(x) sum = MatMul(turned, away)
    shape = Shape(y) count = Cast<to = 1>(shape) n = ReduceProd<keepdims = 0>(count)
    doubled = Mul(sum, two) gradient = Div(doubled, n) }`)
  const judging = rename(`${header} => (float loss, float[N, 1] y) { ${forward} }`)
  return {
    training: targeted(training),
    judging: targeted(judging),
    loss: 'loss',
    parts: ['loss'],
    gradients: new Map([['w', 'gradient']]),
    statistics: [],
    frozen: new Map(),
  }
}

/** ONNX's text has no names with a slash. */
function targeted(model: ReturnType<typeof parseText>) {
  const rename = (name: string) => (name === 'target' ? 'pare/target' : name)
  const { graph } = model
  for (const input of graph.inputs) (input.proto as { name: string }).name = rename(input.proto.name ?? '')
  for (const node of graph.nodes) node.proto.input = node.proto.input.map(rename)
  return {
    ...model,
    graph: {
      ...graph,
      inputs: graph.inputs.map((input) => ({ ...input, name: rename(input.name) })),
      nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename) })),
    },
  }
}

describe('with gradients written by hand', () => {
  const data = jsonLines(folder, 'line.jsonl', [
    { x: [1], label: [3] },
    { x: [2], label: [3] },
  ])
  const request = { ...plain, data, loss: 'mse', learningRate: 0.125, batch: 2 } as const

  test('a step goes down the gradient, by the learning rate', async () => {
    const { reply, tensors } = await trainHere(line, folder, { ...request, steps: 1 }, { build: lineByHand })
    // loss = ((1 − 3)² + (2 − 3)²) ÷ 2 = 2.5; gradient = 2 · (1 · −2 + 2 · −1) ÷ 2 = −4; w = 1 + 0.125 · 4
    expect(reply.curve.at(-1)).toMatchObject({ step: 1, loss: 2.5 })
    expect([...tensors.get('w')!]).toEqual([1.5])
    expect(reply.loss).toEqual({ kind: 'mse', why: 'as was said', output: 'y' })
  })

  test('batches put together make the step of the larger batch', async () => {
    const { tensors } = await trainHere(line, folder, { ...request, batch: 1, accumulate: 2, steps: 1 }, { build: lineByHand })
    expect([...tensors.get('w')!]).toEqual([1.5])
  })

  test('gradients that are too large are made smaller', async () => {
    const { tensors } = await trainHere(line, folder, { ...request, clip: 1, steps: 1 }, { build: lineByHand })
    expect([...tensors.get('w')!]).toEqual([1.125])
  })

  test('it comes to where the loss is least', async () => {
    const { reply, tensors } = await trainHere(line, folder, { ...request, steps: 100 }, { build: lineByHand })
    // Σ x t ÷ Σ x² = 9 ÷ 5
    expect(tensors.get('w')![0]).toBeCloseTo(1.8, 5)
    expect(reply).toMatchObject({ ended: 'finished', step: 100, best: { step: 100 } })
    expect(reply.curve.length).toBeLessThanOrEqual(102)
  })

  test('@pare/autograd gives the same', async () => {
    const steps = { ...request, steps: 7 }
    const byHand = await trainHere(line, folder, steps, { build: lineByHand })
    const result = await trainHere(line, folder, steps)
    expect(result.tensors.get('w')![0]).toBeCloseTo(byHand.tensors.get('w')![0]!, 6)
  })
})

describe('mlp-digits', () => {
  const data = testModel('data/digits-calibrate.npz')
  const mlp = loaded('mlp-digits.onnx')

  test('from random weights it learns the digits', async () => {
    const { reply } = await trainHere(untrained(await mlp), folder, { data, epochs: 10, holdOut: 0.1, learningRate: 2e-3 })
    expect(reply.loss).toEqual({ kind: 'cross-entropy', why: 'the labels are whole numbers', output: 'logits' })
    expect(reply.curve[0]!.heldOut!.metric!.value).toBeLessThan(0.3)
    expect(reply.best.heldOut!.metric).toMatchObject({ name: 'accuracy', value: expect.closeTo(0.97, 1) })
    expect(reply.samples).toEqual({ trained: 1212, heldOut: 135 })
    expect(reply.recipe).toMatchObject({ batch: 32, steps: 379, optimizer: { name: 'adamw' } })
  })

  const sparse = mlp.then((model) =>
    withNumbers(model, (id, shape) =>
      shape.length < 2
        ? undefined
        : Float32Array.from({ length: shape[0]! * shape[1]! }, (_, i) => (i % 10 === 0 ? Math.sin(i + id.length) / 8 : 0)),
    ),
  )

  test.each(['adamw', 'sgd'] as const)('with %s what is zero in a matrix stays so, and biases are free', async (optimizer) => {
    const { reply, tensors } = await trainHere(await sparse, folder, { data, steps: 30, optimizer })
    for (const [id, values] of tensors) {
      const wrong = values.findIndex((value, i) => (id.endsWith('weight') ? (value === 0) !== (i % 10 !== 0) : false))
      expect([id, wrong]).toEqual([id, -1])
    }
    expect(reply.zeros.after).toBe(reply.zeros.before)
    expect(reply.zeros.before / reply.zeros.elements).toBeCloseTo(0.9, 3)
  })

  test('a mask can be handed in', async () => {
    const mask = new Uint8Array((128 * 256) / 8).fill(0b01110111)
    const { tensors } = await trainHere(await mlp, folder, { data, steps: 5, masks: new Map([['2.weight', mask]]) })
    expect([...tensors.get('2.weight')!.slice(0, 16)].map((value) => Number(value !== 0))).toEqual([
      1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0,
    ])
    await expect(
      trainHere(await mlp, folder, { data, steps: 5, masks: new Map([['2.weight', Uint8Array.of(1)]]) }),
    ).rejects.toThrow("the mask of '2.weight' has 1 bytes, expected 4096")
  })

  test('movement pruning ends at its sparsity, and the scores come back', async () => {
    const request = { data, steps: 40, holdOut: 0.1, movement: { sparsity: 0.8 } }
    const { reply, tensors } = await trainHere(await mlp, folder, request)
    // Not the whole weights of the start, although their loss is lower.
    expect(reply.best.step).toBeGreaterThanOrEqual(28)
    const matrices = [...tensors].filter(([id]) => id.endsWith('weight')).map(([, values]) => values)
    const zeros = matrices.reduce((sum, values) => sum + values.filter((value) => value === 0).length, 0)
    expect(zeros).toBe(Math.round(0.8 * reply.zeros.elements))
    expect(reply.scores!.map(({ id }) => id)).toEqual(['0.weight', '2.weight', '4.weight'])
  })

  test.each([
    ['adamw', { optimizer: 'adamw', movement: { sparsity: 0.5 } }],
    ['sgd', { optimizer: 'sgd', accumulate: 2 }],
    ['a teacher', { distill: { teacher: testModel('mlp-digits.onnx') } }],
  ] as const)('with %s a training that was interrupted goes on to the same bits', async (name, how) => {
    // Of 1,212 samples 24 steps of 64 are more than an epoch.
    const request = { data, steps: 24, batch: 64, holdOut: 0.1, evaluateEvery: 5, ...how, state: join(folder, `${name}.state`) }
    const whole = await trainHere(await sparse, folder, { ...request, state: join(folder, 'whole.state') })
    let steps = 0
    const stop = { onProgress: () => steps++, isStopped: () => steps === 13 }
    const part = await trainHere(await sparse, folder, request, stop)
    expect(part.reply).toMatchObject({ ended: 'stopped', step: 13 })
    const rest = await trainHere(await sparse, folder, request)
    expect(rest.reply).toMatchObject({
      ended: 'finished',
      step: 24,
      resumedAt: 13,
      best: whole.reply.best,
      curve: whole.reply.curve,
    })
    for (const [id, values] of whole.tensors)
      expect(Buffer.from(rest.tensors.get(id)!.buffer).equals(Buffer.from(values.buffer)), id).toBe(true)
  })

  test('the state of another training is not used, and a file that is none is an error', async () => {
    const state = join(folder, 'other.state')
    await trainHere(await mlp, folder, { data, steps: 2, state })
    expect(existsSync(state)).toBe(true)
    expect((await trainHere(await mlp, folder, { data, steps: 3, state })).reply.resumedAt).toBeUndefined()
    writeFileSync(state, readFileSync(state).subarray(0, 5000))
    await expect(trainHere(await mlp, folder, { data, steps: 3, state })).rejects.toThrow('is not the state of a training')
  })

  test('with little room for activations they are computed again, to the same weights', async () => {
    const request = { data, steps: 5 }
    const plainly = await trainHere(await mlp, folder, request)
    const sparely = await trainHere(await mlp, folder, { ...request, activationBytes: 20_000 })
    for (const [id, values] of plainly.tensors) {
      for (const [i, value] of values.entries()) expect(Math.abs(sparely.tensors.get(id)![i]! - value)).toBeLessThan(1e-5)
    }
  })

  test('a learning rate that diverges is named, or the best weights before that are kept', async () => {
    await expect(
      trainHere(await mlp, folder, { data, steps: 40, holdOut: 0.1, learningRate: 1e20, optimizer: { name: 'sgd' }, clip: 1e30 }),
    ).rejects.toThrow(/training was of no use: the (loss is NaN|gradients are not finite) at step \d+, at a learning rate of/)
    await expect(trainHere(await mlp, folder, { data, steps: 40, holdOut: 0.1, learningRate: 10 })).rejects.toThrow(
      /the loss on held-out samples went from 0\.\d+ to [\d.]+ by step 8/,
    )
  })

  test('it ends early where it is told to', async () => {
    const { reply } = await trainHere(await mlp, folder, {
      data,
      steps: 400,
      holdOut: 0.2,
      evaluateEvery: 10,
      patience: 2,
      learningRate: 1e-3,
    })
    expect(reply.ended).toBe('early')
    expect(reply.step).toBe(reply.best.step + 20)
  })

  test('the teacher can be the only one to learn from', async () => {
    const distill = { teacher: testModel('mlp-digits.onnx'), temperature: 1 }
    const inputs = jsonLines(folder, 'inputs.jsonl', digits(400))
    const { reply } = await trainHere(untrained(await mlp), folder, {
      data: inputs,
      epochs: 20,
      holdOut: 0.1,
      learningRate: 2e-3,
      distill,
    })
    expect(reply.loss.kind).toBe('kl')
    expect(reply.best.heldOut!.metric).toMatchObject({ name: 'kl' })
    expect(reply.best.heldOut!.loss).toBeLessThan(reply.curve[0]!.heldOut!.loss / 8)
  })

  test('labels and teacher and hidden values together', async () => {
    const hidden = [['/3/Relu_output_0', '/3/Relu_output_0']] as const
    const distill = { teacher: testModel('mlp-digits.onnx'), hidden }
    const { reply } = await trainHere(untrained(await mlp), folder, {
      data,
      steps: 60,
      holdOut: 0.1,
      learningRate: 2e-3,
      distill,
    })
    expect(reply.loss.kind).toBe('cross-entropy')
    expect(reply.best.heldOut!.metric!.name).toBe('accuracy')
    expect(reply.best.heldOut!.metric!.value).toBeGreaterThan(0.5)
    expect(reply.best.heldOut!.loss).toBeLessThan(reply.curve[0]!.heldOut!.loss * 0.7)
    await expect(
      trainHere(await mlp, folder, { data, steps: 1, distill: { ...distill, hidden: [['nowhere', '/3/Relu_output_0']] } }),
    ).rejects.toThrow("the teacher has no value 'nowhere'")
  })
})

/** Made-up inputs for the digits. */
function digits(count: number): { input: number[] }[] {
  return Array.from({ length: count }, (_, i) => ({
    input: Array.from({ length: 64 }, (_, j) => Math.abs(Math.sin(i * 64.7 + j * j * 1.3))),
  }))
}

describe('what is wrong with data is said', () => {
  const model = loaded('mlp-digits.onnx')
  const samples = digits(30).map((sample, i) => ({ ...sample, label: i % 10 }))
  const train = async (name: string, rows: readonly object[], more: object = {}) =>
    trainHere(await model, folder, { data: jsonLines(folder, name, rows), steps: 1, ...more })

  test('a label that is no class, with its sample', async () => {
    const wrong = samples.map((sample, i) => (i === 17 ? { ...sample, label: 10 } : sample))
    await expect(train('wrong.jsonl', wrong)).rejects.toThrow(
      "sample 17 has the label 10, and the model's 10 classes are 0 to 9.",
    )
  })

  test('labels of another shape', async () => {
    const wide = samples.map((sample) => ({ ...sample, label: [0.5, 1] }))
    await expect(train('wide.jsonl', wide)).rejects.toThrow(
      "the labels are float64[30, 2], and output 'logits' is float32[batch, 10].",
    )
  })

  test('no samples, no labels, all held out', async () => {
    await expect(train('none.jsonl', [])).rejects.toThrow('none.jsonl')
    await expect(train('inputs.jsonl', digits(3))).rejects.toThrow('there is nothing to learn from')
    await expect(train('held.jsonl', samples, { holdOut: 30 })).rejects.toThrow('30 of 30 samples are held out')
  })

  test('an output or a parameter that is not there', async () => {
    await expect(train('ok.jsonl', samples, { output: 'scores' })).rejects.toThrow("the model has no output 'scores'")
    await expect(train('ok.jsonl', samples, { include: ['**/none'] })).rejects.toThrow("include '**/none' matches no parameter")
  })
})

test('normalisations follow the batches: stored = momentum · stored + (1 − momentum) · batch', async () => {
  const model = parseText(`<ir_version: 9, opset_import: ["": 17]> g (float[N, 2] x) => (float[N, 2] y)
    <float[2] gamma = {1, 1}, float[2] beta = {0, 0}, float[2] mean = {8, 0}, float[2] variance = {4, 1}> {
    y = BatchNormalization<momentum = 0.75>(x, gamma, beta, mean, variance) }`)
  // Of the batch: means 2 and 10, variances 1 and 0.
  const data = jsonLines(folder, 'bn.jsonl', [
    { x: [1, 10], label: [0.5, 0.5] },
    { x: [3, 10], label: [0.5, 0.5] },
  ])
  const { tensors } = await trainHere(model, folder, { ...plain, data, batch: 2, steps: 1, learningRate: 0.1 })
  expect([...tensors.get('mean')!]).toEqual([0.75 * 8 + 0.25 * 2, 2.5])
  expect([...tensors.get('variance')!]).toEqual([0.75 * 4 + 0.25, 0.75])
  const { tensors: kept } = await trainHere(model, folder, {
    ...plain,
    data,
    batch: 2,
    steps: 1,
    learningRate: 0.1,
    statistics: 'keep',
  })
  expect([...kept.keys()]).toEqual(['gamma', 'beta'])
})

test('a vector that two nodes read becomes two', async () => {
  const model =
    parseText(`g (float[N, 2] x) => (float[N, 2] y) <float[2, 2] a = {1, 0, 0, 1}, float[2, 2] b = {0, 2, 1, 0}, float[2] c = {0, 0}> {
    h = Gemm(x, a, c) y = Gemm(h, b, c) }`)
  const data = jsonLines(folder, 'two.jsonl', [{ x: [1, 2], label: [1.5, 0.5] }])
  const { reply, tensors } = await trainHere(model, folder, { ...plain, data, steps: 1, learningRate: 0.1 })
  expect(reply.tensors.find(({ id }) => id === 'c/2')).toEqual({ id: 'c/2', shape: [2], added: { of: 'c', reader: ['y', 2] } })
  expect([...tensors.get('c')!]).not.toEqual([...tensors.get('c/2')!])
})

test('text: the next token is learnt', async () => {
  // Each of four tokens is followed by the same other one.
  const model = parseText(`g (int64[N, S] input_ids) => (float[N, S, 4] logits)
    <float[4, 4] table = {${Array.from({ length: 16 }, (_, i) => (i % 3) / 10).join(', ')}}, float[4] bias = {0, 0, 0, 0}> {
    found = Gather(table, input_ids) logits = Add(found, bias) }`)
  const rows = Array.from({ length: 32 }, (_, i) => ({ input_ids: Array.from({ length: 6 }, (_, t) => (i + t) % 4) }))
  const data = jsonLines(folder, 'text.jsonl', rows)
  const { reply } = await trainHere(model, folder, { data, steps: 100, learningRate: 0.3, holdOut: 4 })
  expect(reply.loss).toMatchObject({ kind: 'next-token', why: 'the data are text without labels' })
  expect(reply.curve[0]!.heldOut!.metric).toEqual({ name: 'perplexity', value: expect.closeTo(4, 0) })
  expect(reply.best.heldOut!.metric!.value).toBeLessThan(1.05)
  const wrong = jsonLines(folder, 'wrong-text.jsonl', [{ input_ids: [0, 1, 5, 3, 0, 1] }, ...rows])
  await expect(trainHere(model, folder, { data: wrong, steps: 1 })).rejects.toThrow(
    "sample 0 has the token 5, and the model's 4 classes",
  )
})

test.each([
  ['mnist-resnet20-bn.onnx', 'mnist', 'cross-entropy', 65 + 2 * 21],
  ['mnist-resnet20-folded.onnx', 'mnist', 'cross-entropy', undefined],
  ['mnist-mobilenet-bn.onnx', 'mnist', 'cross-entropy', undefined],
  ['kjv-bert.onnx', 'kjv', 'cross-entropy', undefined],
  ['lm-llama.onnx', 'lm', 'next-token', 57],
])('%s takes steps, and is not worse for it', async (name, set, kind, count) => {
  const data = testModel(`data/${set}-calibrate.npz`)
  const { reply, tensors } = await trainHere(await loaded(name), folder, {
    data,
    steps: 2,
    batch: 4,
    holdOut: 4,
    evaluateEvery: 1,
  })
  expect(reply).toMatchObject({ ended: 'finished', step: 2, frozen: [], loss: { kind } })
  for (const { loss } of reply.curve.slice(1)) expect(loss).toBeLessThan(8)
  expect(reply.best.heldOut!.loss).toBeLessThanOrEqual(reply.curve[0]!.heldOut!.loss)
  if (count !== undefined) expect(tensors.size).toBe(count)
})
