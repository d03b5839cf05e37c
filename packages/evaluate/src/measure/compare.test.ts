import { modelBytes, parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { put, temporaryFolder, testModel } from '../fixture.test.files.js'
import { compareModels } from '../jobs.test.files.js'

const folder = temporaryFolder()
const text = async (name: string, source: string) => put(folder, `${name}.onnx`, await modelBytes(parseText(source)))
const model = (name: string, nodes: string) =>
  text(name, `g (float[N, 3] x) => (float[N, M] y) <float one = {1}, float zero = {0}, float[3] w = {1, 1, 1}> { ${nodes} }`)
const apart = async (reference: string, other: string) => (await compareModels({ reference, other })).relative

describe('how far two models are apart', () => {
  it('is nothing from a model to itself, and the largest difference over the largest output otherwise', async () => {
    const reference = await model('reference', 'y = Identity(x)')
    expect(await apart(reference, reference)).toBe(0)
    // x against −x: twice the largest element, relative to it.
    expect(await apart(reference, await model('negative', 'y = Neg(x)'))).toBe(2)
  })

  it('is infinite where the shape differs, or a number is none', async () => {
    const reference = await model('reference', 'y = Identity(x)')
    expect(await apart(reference, await model('short', 'y = ReduceSum<keepdims = 1>(x)'))).toBe(Number.POSITIVE_INFINITY)
    expect(await apart(reference, await model('wrong', 'n = Div(zero, zero)\n y = Add(x, n)'))).toBe(Number.POSITIVE_INFINITY)
  })

  it('is judged beside infinite outputs and NaN that both have', async () => {
    const odd = (first: string) =>
      `i = Div(one, zero)\n n = Div(zero, zero)\n k = Mul(x, i)\n l = Mul(x, n)\n m = ${first}(x)\n y = Concat<axis = 1>(m, k, l)`
    const reference = await model('odd', odd('Identity'))
    expect(await apart(reference, reference)).toBe(0)
    expect(await apart(reference, await model('odder', odd('Neg')))).toBe(2)
  })

  it('is not divided by a largest output of zero', async () => {
    const reference = await model('zeros', 'y = Mul(x, zero)')
    expect(await apart(reference, reference)).toBe(0)
    expect(await apart(reference, await model('not zeros', 'k = Mul(x, zero)\n y = Add(k, one)'))).toBe(1)
  })

  it('is infinite, with the reason, where only the reference runs', async () => {
    const reference = await model('reference', 'y = Identity(x)')
    const broken = await model('broken', 'y = Reshape(x, s)').catch(() => undefined)
    expect(broken).toBeDefined()
    const difference = await compareModels({ reference, other: broken! })
    expect(difference.relative).toBe(Number.POSITIVE_INFINITY)
    expect(difference.failure).toContain('ONNX Runtime cannot load the model')
  })

  it('is not found from outputs without a finite number', async () => {
    const nan = await model('nan', 'n = Div(zero, zero)\n y = Add(x, n)')
    await expect(compareModels({ reference: nan, other: nan })).rejects.toThrow('its outputs hold no finite number')
  })

  it('is the distance of halves as numbers, not of their bits', async () => {
    const half = (name: string, op: string) => text(name, `g (float16[N, 3] x) => (float16[N, 3] y) { y = ${op}(x) }`)
    expect(await apart(await half('half', 'Identity'), await half('minus half', 'Neg'))).toBe(2)
  })

  it('is nothing where integers are added in another order, whatever the CPU', async () => {
    // Of weights that go up and down sums of two are small; sorted, sums of two leave 16 bits.
    const weights = Int8Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? 127 : -60))
    const order = [...weights.keys()].sort((a, b) => weights[b]! - weights[a]!)
    const product = async (name: string, positions: readonly number[]) => {
      const source = `<ir_version: 8, opset_import: ["" : 17]> g (float[N, 64] x) => (float[N, 1] y) <int8[64, 1] w, int64[64] order>
        { t = Gather<axis = 1>(x, order)  q, s, z = DynamicQuantizeLinear(t)  p = MatMulInteger(q, w, z)  f = Cast<to = 1>(p)  y = Mul(f, s) }`
      const values = { w: Int8Array.from(positions, (at) => weights[at]!), order: BigInt64Array.from(positions, BigInt) }
      return put(folder, `${name}.onnx`, await modelBytes(parseText(source, values)))
    }
    expect(await apart(await product('in turn', [...weights.keys()]), await product('sorted', order))).toBeLessThan(1e-6)
  })

  it('is infinite where an integer is another', async () => {
    const count = (name: string, add: number) =>
      text(name, `g (int64[N] x) => (int64[N] y) <int64 a = {${add}}> { y = Add(x, a) }`)
    expect(await apart(await count('count', 1_000_000), await count('one more', 1_000_001))).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('made-up inputs', () => {
  const runs = async (source: string) => {
    const path = await text('runs', source)
    return compareModels({ reference: path, other: path })
  }

  it('have two sets of sizes', async () => {
    const path = testModel('kjv-bert.onnx')
    expect(await compareModels({ reference: path, other: path })).toEqual({
      sizes: [
        [1, 8, 0],
        [3, 20, 3],
      ],
      free: true,
      relative: 0,
    })
  })

  it('have other values where all sizes are fixed', async () => {
    expect(await runs('g (float[2, 3] x) => (float[2, 3] y) { y = Neg(x) }')).toMatchObject({ free: false, relative: 0 })
  })

  it('keep ids below the rows of their table', async () => {
    const table = '<float[1, 2] types = {1, 2}, float[5, 2] words = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}>'
    const nodes = 'c = Cast<to = 7>(ids)\n a = Gather(words, c)\n b = Gather(types, kinds)\n y = Add(a, b)'
    await runs(`g (int32[N, S] ids, int64[N, S] kinds) => (float[N, S, 2] y) ${table} { ${nodes} }`)
  })

  it('are large for images', async () => {
    expect((await runs('g (float[N, 3, H, W] x) => (float[N, 3, H, W] y) { y = Relu(x) }')).sizes).toEqual([
      [1, 96, 0],
      [2, 128, 3],
    ])
  })

  it('stay within a short table of positions', async () => {
    const nodes =
      's = Shape(ids)\n n = Slice(s, i, two)\n p = Slice(places, zero, n)\n w = Unsqueeze(f, two)\n f = Cast<to = 1>(ids)\n y = Add(w, p)'
    const sorted = nodes.replace('w = Unsqueeze(f, two)\n f = Cast<to = 1>(ids)', 'f = Cast<to = 1>(ids)\n w = Unsqueeze(f, two)')
    const values = Array.from({ length: 12 }, (_, i) => i).join(', ')
    const source = `g (int64[N, S] ids) => (float[N, S, 1] y) <int64[1] i = {1}, int64[1] two = {2}, int64[1] zero = {0}, float[12, 1] places = {${values}}> { ${sorted} }`
    // Eight positions are known, twenty are not, five are.
    expect((await runs(source)).sizes).toEqual([
      [1, 8, 0],
      [2, 5, 0],
    ])
  })

  const cached = (covers: string, sum = 'r = ReduceSum<keepdims = 0>(c, axes)') =>
    runs(
      `g (float[batch, 2, past_sequence_length, 4] past, float[batch, 2, sequence_length, 4] now, float[batch, "${covers}"] mask) => (float[B, S] y)
       <int64[2] axes = {1, 3}> { c = Concat<axis = 2>(past, now) ${sum} y = Add(r, mask) }`,
    )

  it.each([
    'past_sequence_length + 1',
    'past_sequence_length + sequence_length',
    'total_sequence_length',
    'kv_length',
  ])('hold a cache, once empty and once filled, that fits the mask: %s', async (covers) => {
    expect(await cached(covers)).toEqual({
      sizes: [
        [1, 8, 0],
        [3, 20, 3],
      ],
      free: true,
      relative: 0,
    })
  })

  it('hold a filled cache twice where the model runs with no empty one', async () => {
    // Of an empty cache there is no first token.
    const filled =
      'zero = Constant<value = int64 {0}>() f = Gather<axis = 2>(past, zero) n = ReduceSum<keepdims = 0>(f) t = ReduceSum<keepdims = 0>(c, axes) r = Add(t, n)'
    expect((await cached('past_sequence_length + 1', filled)).sizes).toEqual([
      [3, 20, 3],
      [1, 32, 5],
    ])
  })

  it('send a model both ways where one bool decides', async () => {
    const model = (name: string, yes: string, no: string) =>
      text(
        name,
        `g (float[N, 3] x, bool[1] c) => (float[N, 3] y)
         { y = If(c) <then_branch = t () => (float[N, 3] a) { a = ${yes}(x) }, else_branch = e () => (float[N, 3] b) { b = ${no}(x) }> }`,
      )
    const reference = await model('both', 'Relu', 'Abs')
    expect(await apart(reference, await model('both too', 'Relu', 'Abs'))).toBe(0)
    expect(await apart(reference, await model('another yes', 'Neg', 'Abs'))).toBeGreaterThan(0)
    expect(await apart(reference, await model('another no', 'Relu', 'Neg'))).toBeGreaterThan(0)
  })

  it('are of every type that has numbers', async () => {
    for (const type of ['uint8', 'int8', 'uint16', 'int16', 'uint32', 'uint64', 'int32', 'double', 'bool'])
      expect(await runs(`g (${type}[N, 3] x) => (${type}[N, 3] y) { y = Identity(x) }`)).toMatchObject({ relative: 0 })
  })

  it('are refused for text', async () => {
    await expect(runs('g (string[N] x) => (string[N] y) { y = Identity(x) }')).rejects.toThrow("input 'x' of type string")
  })
})

it('gives grouped-query attention counts that fit the tokens', async () => {
  const attends = parseText(
    `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
     attends (int64[B, S] ids, int32[B] last, int32 total, float[B, 1, P, 16] past_key, float[B, 1, P, 16] past_value) => (float[B, S, 16] y, float[B, 1, T, 16] key, float[B, 1, T, 16] value)
     <float[50, 16] embed>
     { q = Gather(embed, ids)
       y, key, value = com.microsoft.GroupQueryAttention<num_heads = 1, kv_num_heads = 1>(q, q, q, past_key, past_value, last, total) }`,
    { embed: Float32Array.from({ length: 800 }, (_, i) => Math.sin(i)) },
  )
  const path = put(folder, 'attends.onnx', await modelBytes(attends))
  const { relative, sizes } = await compareModels({ reference: await path, other: await path })
  expect({ relative, runs: sizes.length }).toEqual({ relative: 0, runs: 2 })
})
