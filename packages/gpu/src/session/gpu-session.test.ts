import { float16ToFloat32, float32ToFloat16, modelBytes, openModel, parseText } from '@pare/onnx'
import { tinyModels } from '@pare/testing'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Gpu } from '../gpu.js'
import { GpuSession } from './gpu-session.js'
import {
  ADAPTER,
  differenceOf,
  expectedOf,
  floats,
  integers,
  oneIn,
  ones,
  openDevice,
  openOn,
  prunedModel,
  TEST_MODELS,
  tuningFor,
} from './session.test.support.js'
import type { DeviceFeeds } from './tensors.js'
import { DeviceTensor } from './tensors.js'

// onnxruntime-node 1.30 passes Float16Array to native code that does not know it; it looks when its first tensor is made.
Reflect.deleteProperty(globalThis, 'Float16Array')

describe.skipIf(ADAPTER === undefined)('a session on a device', () => {
  let gpu: Gpu
  beforeAll(async () => {
    gpu = await openDevice()
  })
  afterAll(() => gpu?.[Symbol.asyncDispose]())

  const pruned = async (name: string, keptOneIn: number) => {
    await using file = await openModel(`${TEST_MODELS}${name}.onnx`)
    const model = await prunedModel(file.model, oneIn(keptOneIn))
    return await modelBytes(model)
  }

  const compare = async (bytes: Uint8Array, session: GpuSession, feeds: Readonly<Record<string, ort.Tensor>>) => {
    const dense = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 })
    const difference = differenceOf(await dense.run(feeds), await session.run(feeds))
    await dense.release()
    return difference
  }

  test('a network of products is one submission of as many kernels, and its weights lie packed', async () => {
    const bytes = await pruned('mlp-digits', 10)
    await using session = await openOn(gpu, bytes, { ort: null })
    expect(await compare(bytes, session, { input: floats([1, 64], 8) })).toBeLessThan(2e-6)
    // Three products with their biases and functions. The input has 64 numbers, the answer 10.
    expect(session.costs).toMatchObject({ submissions: 1, dispatches: 3, uploaded: 4 * 64, readBack: 4 * 10, copied: 0 })
    for (const { sparsity, format, bytes, out, in: inputs, denseBytes } of session.plan.products) {
      expect(format).toBe('rows f32')
      expect(denseBytes).toBe(4 * out * inputs)
      // A value of four bytes and a place of two for each that is left, where a row begins, and the bias; the last place may share its word with nothing.
      const entries = Math.round((1 - sparsity) * out * inputs)
      expect(bytes).toBe(6 * entries + 4 * (out + 1) + 4 * out)
    }
    // Sizes that differ are recorded anew, and the earlier ones again.
    expect(await compare(bytes, session, { input: floats([12, 64], 8) })).toBeLessThan(2e-6)
    expect(await compare(bytes, session, { input: floats([1, 64], 3) })).toBeLessThan(2e-6)
  })

  test('an encoder', async () => {
    const bytes = await pruned('kjv-bert', 3)
    await using session = await openOn(gpu, bytes, { ort: null })
    const mask = ones([2, 4])
    ;(mask.data as BigInt64Array).set([0n], 7)
    expect(await compare(bytes, session, { input_ids: integers([2, 4], 1000), attention_mask: mask })).toBeLessThan(4e-6)
    expect(session.costs.submissions).toBe(1)
    expect(session.plan).toMatchObject({ kind: 'device', elsewhere: [], stages: 1, segments: 0 })
  })

  test('a language model', async () => {
    const bytes = await pruned('lm-llama', 5)
    await using session = await openOn(gpu, bytes, { ort: null })
    expect(await compare(bytes, session, { input_ids: integers([1, 6], 2000) })).toBeLessThan(4e-6)
    expect(session.costs).toMatchObject({ submissions: 1, uploaded: 4 * 6, readBack: 4 * 6 * 2048 })
    // 1,131 nodes: products take their functions in, normalisations their parts, and arithmetic goes together.
    expect(session.costs.dispatches).toBeLessThan(200)
  })

  test('a network of convolutions', async () => {
    const bytes = await pruned('mnist-resnet20-folded', 2)
    await using session = await openOn(gpu, bytes, { ort: null })
    expect(await compare(bytes, session, { input: floats([1, 1, 28, 28]) })).toBeLessThan(4e-6)
  })

  test('a decoder takes its first tokens, then one at a time, and its cache stays on the device', async () => {
    const model = await prunedModel(tinyModels['decoder, past_sequence_length + sequence_length']!(), oneIn(2))
    const keep = model.graph.outputs.map(({ name }) => name).filter((name) => name.startsWith('present'))
    await using session = await openOn(gpu, model, { ort: null, keep })
    const tokens = [3, 9, 4, 7, 1, 12]
    let cache: DeviceFeeds = Object.fromEntries(
      keep.map((name) => [
        name.replace('present', 'past_key_values'),
        new ort.Tensor('float32', new Float32Array(0), [1, 2, 0, 2]),
      ]),
    )
    for (const [first, count] of [
      [0, 4],
      [4, 1],
      [5, 1],
    ] as const) {
      const ids = (values: readonly number[]) => new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
      const range = (from: number, size: number) => Array.from({ length: size }, (_, i) => from + i)
      const asked = {
        input_ids: ids(tokens.slice(first, first + count)),
        attention_mask: ones([1, first + count]),
        position_ids: ids(range(first, count)),
      }
      const results = await session.run({ ...asked, ...cache })
      const { costs } = session
      expect(costs).toMatchObject({ submissions: 1, readBack: 4 * count * 16 })
      // Keys and values of two layers with two heads of two numbers go from buffer to buffer: those of before in, all out. The first time none are there.
      const words = (length: number) => 2 * 2 * 2 * 2 * length
      expect(costs.copied).toBe(4 * (words(first) + words(first + count)))
      // All at once is what tokens one by one must equal.
      const whole = {
        input_ids: ids(tokens.slice(0, first + count)),
        attention_mask: ones([1, first + count]),
        position_ids: ids(range(0, first + count)),
      }
      const empty = Object.fromEntries(
        keep.map((name) => [
          name.replace('present', 'past_key_values'),
          new ort.Tensor('float32', new Float32Array(0), [1, 2, 0, 2]),
        ]),
      )
      const expected = await expectedOf(model, { ...whole, ...empty })
      const last = (expected.logits!.data as Float32Array).slice(16 * first)
      expect(differenceOf({ logits: new ort.Tensor('float32', last, [1, count, 16]) }, results)).toBeLessThan(4e-6)
      for (const name of keep) {
        const value = results[name] as DeviceTensor
        expect(value).toBeInstanceOf(DeviceTensor)
        expect(differenceOf({ [name]: expected[name]! }, { [name]: await value.read() })).toBeLessThan(4e-6)
      }
      for (const value of Object.values(cache)) if (value instanceof DeviceTensor) value.dispose()
      cache = Object.fromEntries(keep.map((name) => [name.replace('present', 'past_key_values'), results[name]!]))
    }
    for (const value of Object.values(cache)) (value as DeviceTensor).dispose()
  })

  const mixed = (middle: string) =>
    parseText(
      `<ir_version: 8, opset_import: ["" : 17]>
      g (float[N, 8] x) => (float[N, K] y, float[N, 8] h) <float[8, 8] a, float[8, 8] b, int64[1] k = {3}, float never = {0}>
      { p = MatMul(x, a) h = Relu(p) ${middle} }`,
      { a: floats([8, 8]).data as Float32Array, b: floats([8, 8], 2).data as Float32Array },
    )

  test('a node without a kernel runs in ONNX Runtime between two stages, and the plan says why', async () => {
    const model = mixed('q = MatMul(h, b) t, i = TopK(q, k) y = Tanh(t)')
    await using session = await openOn(gpu, model)
    const feeds = { x: floats([5, 8]) }
    expect(differenceOf(await expectedOf(model, feeds), await session.run(feeds))).toBeLessThan(2e-6)
    expect(session.plan).toMatchObject({
      stages: 2,
      segments: 1,
      elsewhere: [{ id: 't', op: 'TopK', reason: 'there is no kernel for this operator' }],
    })
    expect(session.costs).toMatchObject({ submissions: 2, readBack: 4 * (5 * 8 + 5 * 8 + 5 * 3) })
  })

  test('a shape that depends on values moves its node to ONNX Runtime, in the first run', async () => {
    const whole = parseText(
      `<ir_version: 8, opset_import: ["" : 17]>
      g (float[N, 8] x) => (float[N, K] y) <float[8, 8] a, int64[1] k = {3}, int64[1] z = {0}, int64[1] one = {1}, float never = {0}>
      { p = MatMul(x, a) h = Relu(p) f = Less(never, h) c = Cast<to = 7>(f) s = ReduceMax<keepdims = 0>(c) u = Unsqueeze(s, z) n = Add(u, k) r = Slice(h, z, n, one) y = Tanh(r) }`,
      { a: floats([8, 8]).data as Float32Array },
    )
    await using session = await openOn(gpu, whole)
    const feeds = { x: floats([5, 8]) }
    expect(differenceOf(await expectedOf(whole, feeds), await session.run(feeds))).toBeLessThan(2e-6)
    expect(session.plan.elsewhere).toEqual([
      { id: 'r', op: 'Slice', reason: 'a shape depends on values that only the device knows' },
    ])
  })

  test('numbers among the inputs that decide a shape are known before anything runs', async () => {
    const model = parseText(
      `<ir_version: 8, opset_import: ["" : 17]>
      g (float[N, 8] x, int64[1] first) => (float[N, K] y) <int64[1] eight = {8}, int64[1] one = {1}> { s = Slice(x, first, eight, one) y = Tanh(s) }`,
    )
    await using session = await openOn(gpu, model, { ort: null })
    for (const first of [2, 5]) {
      const feeds = { x: floats([3, 8]), first: new ort.Tensor('int64', BigInt64Array.of(BigInt(first)), [1]) }
      expect(differenceOf(await expectedOf(model, feeds), await session.run(feeds))).toBeLessThan(2e-6)
    }
    expect(session.plan.elsewhere).toEqual([])
  })

  test('without ONNX Runtime such a node is refused by name, and so are unknown names', async () => {
    const model = mixed('y, i = TopK(h, k)')
    await expect(openOn(gpu, model, { ort: null })).rejects.toThrow(
      "gpu: TopK 'y' cannot run on the device, and there is no ONNX Runtime: there is no kernel for this operator.",
    )
    await using session = await openOn(gpu, mixed('y = Tanh(h)'), { ort: null })
    await expect(session.run({})).rejects.toThrow("gpu: input 'x' is missing.")
    await expect(session.run({ x: floats([1, 8]) }, ['z'])).rejects.toThrow("gpu: the model has no 'z'.")
    await expect(session.run({ x: floats([1, 7]) })).rejects.toThrow(/\[1,7\] cannot be multiplied with a weight \[8, 8\]/)
    await expect(openOn(gpu, mixed('y = Tanh(h)'), { keep: ['nothing'] })).rejects.toThrow(
      "gpu: keep names 'nothing', which the model does not give.",
    )
    await expect(GpuSession.create(`${TEST_MODELS}missing.onnx`, { gpu, ort })).rejects.toThrow('missing.onnx')
  })

  test('what takes less than one submission stays on the CPU, and the plan says so; keep leaves no choice', async () => {
    const bytes = await modelBytes(mixed('y = Tanh(h)'))
    await using session = await GpuSession.create(bytes, { gpu, ort, tuning: { ...tuningFor(gpu), floorMs: 1e6 } })
    const feeds = { x: floats([2, 8]) }
    expect(await compare(bytes, session, feeds)).toBe(0)
    expect(session.plan).toMatchObject({
      kind: 'dense',
      reason: expect.stringMatching(/^a run takes \S+ ms on the CPU, and one submission to '.*' with its answer 1\.00e\+6 ms\.$/),
    })
    expect(session.costs.submissions).toBe(0)
  })

  test('weights take the form that their zeros and numbers allow', async () => {
    const size = 32
    const weights: Record<string, (row: number, column: number) => number> = {
      'dense f32': (o, i) => Math.sin(o * 37 + i),
      'bitmap f32': (o, i) => (oneIn(2)(o, i) ? Math.sin(o * 37 + i) : 0),
      'bitmap f16': (o, i) => (oneIn(2)(o, i) ? 0.5 + ((o + i) % 8) : 0),
      'rows f32': (o, i) => (oneIn(9)(o, i) ? Math.sin(o * 37 + i) : 0),
      'tiles 4×1 f32': (o, i) => (oneIn(4)(o >> 2, i) ? Math.sin(o * 37 + i) : 0),
      'tiles 1×4 f32': (o, i) => (oneIn(4)(o, i >> 2) ? Math.sin(o * 37 + i) : 0),
      '2:4 f16': (o, i) => ((i + o) % 4 < 2 ? 0.5 + ((o + i) % 8) : 0),
      '2:4 f32': (o, i) => ((i + o) % 4 < 2 ? Math.sin(o * 37 + i) : 0),
    }
    const names = Object.keys(weights)
    const model = parseText(
      `<ir_version: 8, opset_import: ["" : 17]>
      g (float[N, ${size}] x) => (${names.map((_, n) => `float[N, ${size}] y${n}`).join(', ')}, float[N, ${size}] q)
      <${names.map((_, n) => `float[${size}, ${size}] w${n}`).join(', ')}, int8[${size}, ${size}] codes, float[${size}] scales>
      { ${names.map((_, n) => `y${n} = MatMul(x, w${n})`).join(' ')} d = DequantizeLinear<axis = 1>(codes, scales) q = MatMul(x, d) }`,
      {
        // Stored [in, out].
        ...Object.fromEntries(
          names.map((name, n) => [
            `w${n}`,
            Float32Array.from({ length: size * size }, (_, at) => weights[name]!(at % size, Math.floor(at / size))),
          ]),
        ),
        codes: Float32Array.from({ length: size * size }, (_, at) =>
          oneIn(9)(at % size, Math.floor(at / size)) ? (at % 200) - 100 : 0,
        ),
        scales: Float32Array.from({ length: size }, (_, o) => 0.01 + o / 1000),
      },
    )
    await using session = await openOn(gpu, model, { ort: null })
    const feeds = { x: floats([3, size]) }
    expect(differenceOf(await expectedOf(model, feeds), await session.run(feeds))).toBeLessThan(4e-6)
    expect(session.plan.products.map(({ format }) => format)).toEqual([...names, 'rows i8'])
  })

  test('a model of halves computes in f32 and gives halves', async () => {
    const size = 24
    const weight = Float32Array.from({ length: size * size }, (_, i) =>
      oneIn(3)(i % size, Math.floor(i / size)) ? ((i % 9) - 4) / 8 : 0,
    )
    const model = parseText(
      `<ir_version: 8, opset_import: ["" : 17]>
      g (float16[N, ${size}] x) => (float16[N, ${size}] y) <float16[${size}, ${size}] w, float16[${size}] b> { p = MatMul(x, w) s = Add(p, b) y = Sigmoid(s) }`,
      { w: weight, b: weight.slice(0, size) },
    )
    await using session = await openOn(gpu, model, { ort: null })
    const halves = float32ToFloat16((floats([2, size]).data as Float32Array).map((value) => Math.round(64 * value) / 64))
    const results = await session.run({ x: new ort.Tensor('float16', halves, [2, size]) })
    const expected = await expectedOf(model, { x: new ort.Tensor('float16', halves, [2, size]) })
    const widened = (tensor: ort.Tensor) =>
      new ort.Tensor('float32', float16ToFloat32(tensor.data as unknown as Uint16Array), tensor.dims)
    expect(results.y!.type).toBe('float16')
    // Half of the last bit of a half near 1.
    expect(differenceOf({ y: widened(expected.y!) }, { y: widened(results.y as ort.Tensor) })).toBeLessThanOrEqual(2 ** -11)
    expect(session.plan.products.map(({ format }) => format)).toEqual(['bitmap f16'])
  })

  test('where the device is lost, ONNX Runtime goes on, and the plan says so', async () => {
    const own = await openDevice()
    const bytes = await modelBytes(mixed('y = Tanh(h)'))
    await using session = await GpuSession.create(bytes, { gpu: own, ort, tuning: { ...tuningFor(own), floorMs: 0 } })
    own.device.destroy()
    await own.device.lost
    expect(await compare(bytes, session, { x: floats([2, 8]) })).toBe(0)
    expect(session.plan).toMatchObject({
      kind: 'dense',
      reason: expect.stringMatching(/^the device is gone: gpu: the device was lost/),
    })
    await own[Symbol.asyncDispose]()
  })
})
