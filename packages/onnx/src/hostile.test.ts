import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { readAll } from './bytes/payload.js'
import { fromBinary, ModelProtoSchema, toBinary } from './bytes/proto.js'
import { PareError } from './error.js'
import { openModel, readModel } from './files/open.js'
import { modelBytes } from './files/write.js'
import { visitNodes } from './graph/visit.js'
import { withTensors } from './graph/with-tensors.js'
import { inferShapes } from './shapes/shapes.js'
import { parseText } from './text/text.js'

const folder = mkdtempSync(join(tmpdir(), 'onnx-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function refusal(bytes: readonly number[]): Promise<string> {
  const error = await readModel(Uint8Array.from(bytes)).catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(PareError)
  expect((error as PareError).hint).toBeTruthy()
  return (error as PareError).message
}

describe('broken bytes are refused with field and byte offset', () => {
  // 0x3a: graph (field 7), 0x0a in it: node (1), 0x2a: initializer (5); in the initializer 0x4a: raw_data (9).
  test.each<[string, number[], string]>([
    ['a length past the end', [0x3a, 5, 0x0a], "'graph' at byte 0 has 5 bytes and runs past byte 3"],
    [
      'an inner length past the outer',
      [0x3a, 4, 0x2a, 9, 1, 1, 1, 1, 1, 1],
      "'graph.initializer' at byte 2 has 9 bytes and runs past byte 6",
    ],
    ['a length of 2^63', [0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 'runs past byte 10'],
    ['a varint of eleven bytes', [0x08, ...Array(11).fill(0x80), 1], "'ir_version' at byte 0 has a number that is cut off"],
    ['a varint that is cut off', [0x08, 0x80], "'ir_version' at byte 0 has a number that is cut off"],
    ['a field of number 0', [0x02, 0], 'at byte 0 does not begin with the tag of a field'],
    ['another wire type', [0x38, 1], "'graph' at byte 0 is coded with wire type 0, expected 2"],
    ['a group', [0x3b, 0x3c], "'graph' at byte 0 is coded with wire type 3"],
    [
      'a float that is cut off',
      [0x3a, 8, 0x0a, 6, 0x2a, 4, 0x15, 0, 0, 0],
      "'graph.node.attribute.f' at byte 6 runs past byte 10",
    ],
    ['floats of 3 bytes', [0x3a, 9, 0x0a, 7, 0x2a, 5, 0x3a, 3, 0, 0, 0], "'graph.node.attribute.floats' at byte 8 holds 3 bytes"],
    ['two graphs', [0x3a, 2, 0x12, 0, 0x3a, 2, 0x12, 0], "'graph' at byte 4 stands there a second time"],
    [
      'two tensors in one attribute',
      [0x3a, 10, 0x0a, 8, 0x2a, 6, 0x2a, 0, 0x2a, 0, 0x20, 0],
      "'graph.node.attribute.t' at byte 8 stands there a second time",
    ],
    ['no graph', [0x08, 8], "field 'graph' is missing"],
    ['an unknown element type', [0x3a, 4, 0x2a, 2, 0x10, 99], 'data_type 99, expected a number from 1 to 26'],
    [
      'a size below zero',
      [0x3a, 15, 0x2a, 13, 0x10, 1, 0x08, ...Array(9).fill(0xff), 1],
      'dims [-1], expected sizes of 0 or more',
    ],
  ])('%s', async (_, bytes, message) => {
    expect(await refusal(bytes)).toContain(message)
  })

  test('graphs nested a thousand deep', async () => {
    let nested: number[] = []
    for (let depth = 0; depth < 1000; depth++) {
      nested = wrap(0x0a, wrap(0x2a, wrap(0x32, nested)))
      if (nested.length > 100_000) break
    }
    expect(await refusal(wrap(0x3a, nested))).toContain('nested deeper than 90')
  })

  test.each([
    // 0x6a: value_info (13), 0x2a: initializer (5), 0x0a: node (1); each with a length of 0.
    ['messages', 0x6a, 4_000_001, 'more than 4000000 messages'],
    ['tensors', 0x2a, 500_001, 'more than 500000 tensors'],
    ['nodes', 0x0a, 1_000_001, 'more than 1000000 nodes'],
  ])('%s of two bytes each, too many', async (_, tag, count, message) => {
    const bytes = new Uint8Array(count * 2 + 5)
    for (let i = 5; i < bytes.length; i += 2) bytes[i] = tag
    // A length of five bytes, whatever it is.
    bytes.set(
      [0x3a, ...[0, 7, 14, 21].map((shift) => ((count * 2) >>> shift) & 0x7f)].map((byte, i) =>
        i > 0 && i < 4 ? byte | 128 : byte,
      ),
    )
    await expect(readModel(bytes)).rejects.toThrow(message)
  })
})

function wrap(tag: number, content: readonly number[]): number[] {
  return [tag, ...varint(content.length), ...content]
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]
}

describe('functions', () => {
  const chain = (length: number, calls: number): string => {
    const body = (i: number): string =>
      Array.from({ length: calls }, (_, k) => `q${k === 0 ? '' : k} = local.f${i + 1}(p)`).join('\n')
    const functions = Array.from(
      { length },
      (_, i) =>
        `<domain: "local", opset_import: ["local" : 1]> f${i} (p) => (q) { ${i + 1 < length ? body(i) : 'q = local.g(p)'} }`,
    )
    return `<opset_import: ["local" : 1]> m (float x) => (float y) { y = local.f0(x) } ${functions.join('\n')}`
  }

  test('that call each other ten thousand deep are refused', async () => {
    const model = parseText(chain(10_000, 1))
    expect(() => visitNodes(model, () => undefined)).toThrow('more than 100 deep')
    expect((await inferShapes(model)).shapes.get('y')).toBeUndefined()
  })

  test('that double forty times are refused', async () => {
    const model = parseText(chain(40, 2))
    expect(() => visitNodes(model, () => undefined)).toThrow('more than 4000000 nodes')
    await expect(inferShapes(model)).rejects.toThrow('more than 4000000 nodes')
  })
})

describe('what is not a model', () => {
  const cases: [string, string | Uint8Array, string][] = [
    ['an empty file', '', 'is empty, expected an ONNX model'],
    ['a text', '# A readme\n', 'not an ONNX model, or a damaged one'],
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n', 'lfs: true'],
  ]
  test.each(cases)('%s', async (name, content, message) => {
    const path = join(folder, `${name}.onnx`)
    writeFileSync(path, content)
    const error = await openModel(path).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(PareError)
    expect(`${(error as PareError).message} ${(error as PareError).hint}`).toContain(message)
  })

  test('a path that does not exist', async () => {
    await expect(openModel(join(folder, 'none.onnx'))).rejects.toThrow(/none.onnx does not exist/)
  })

  test('a folder', async () => {
    mkdirSync(join(folder, 'sub'))
    await expect(openModel(join(folder, 'sub'))).rejects.toThrow(/is a folder, expected an ONNX file/)
  })
})

describe('damaged copies of a good model', () => {
  const good = parseText(
    `m (float[N, 4] x, bool c) => (float[N, 2] y)
     <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}, int64[1] k = {3}>
     { h = MatMul(x, w)
       s = Constant<value = float {2.5}>()
       m = Mul(h, s)
       y = If (c) <then_branch = t () => (float[N, 2] a) { a = Relu(m) }, else_branch = e () => (float[N, 2] b) { b = local.f(m) }> }
     <domain: "local", opset_import: ["" : 17]> f (p) => (q) { q = Neg(p) }`,
  )

  /** Reads, walks, reads all elements and writes: nothing but PareError may come out. */
  async function use(bytes: Uint8Array): Promise<void> {
    try {
      const model = await readModel(bytes)
      visitNodes(model, (node, scope) => node.inputs.map((name) => scope.constant(name)))
      const payloads: Promise<unknown>[] = []
      withTensors(model, (tensor) => {
        payloads.push(readAll(tensor.data))
        return tensor
      })
      const results = await Promise.allSettled(payloads)
      for (const result of results) if (result.status === 'rejected') throw result.reason
      await inferShapes(model)
      expect(await modelBytes(model)).toEqual(bytes)
    } catch (error) {
      if (!(error instanceof PareError)) throw error
    }
  }

  test('cut off at every byte', async () => {
    const bytes = await modelBytes(good)
    for (let end = 0; end < bytes.length; end++) await use(bytes.slice(0, end))
  })

  test('with bytes changed at random', async () => {
    const bytes = await modelBytes(good)
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }))
    const property = fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      const damaged = bytes.slice()
      for (const [at, value] of changes) damaged[at] = value
      await use(damaged)
    })
    await fc.assert(property, { numRuns: 3000, seed: 1 })
  })

  test('random bytes', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), use), { numRuns: 3000, seed: 1 })
  })
})

test('a node with two attributes of one name is refused: readers do not agree on which of them holds', async () => {
  const model = parseText(
    '<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { y = LeakyRelu <alpha: float = 0.1> (x) }',
  )
  const proto = fromBinary(ModelProtoSchema, await modelBytes(model))
  const { attribute } = proto.graph!.node[0]!
  attribute.push(attribute[0]!)
  await expect(readModel(toBinary(ModelProtoSchema, proto))).rejects.toThrow("LeakyRelu 'y' has the attribute 'alpha' twice.")
})

test.each([
  ['itself', 'y = Transpose(y)'],
  ['one behind it', 'a = Cast<to = 1>(b)\n b = Relu(a)\n y = Add(x, b)'],
])('a node that reads the output of %s is refused: whoever follows values would never arrive', async (_, nodes) => {
  expect(() => parseText(`<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { ${nodes} }`)).toThrow(
    'reads what is made of its own output',
  )
})

test('nodes in another order than that in which they run are read', () => {
  const text = '<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { y = Relu(a)\n a = Neg(x) }'
  expect(parseText(text).graph.nodes.map(({ op }) => op)).toEqual(['Relu', 'Neg'])
})
