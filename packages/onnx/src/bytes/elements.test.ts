import { describe, expect, test } from 'vitest'
import { PareError } from '../error.js'
import { readModel } from '../files/open.js'
import { modelBytes } from '../files/write.js'
import { editTensor } from '../graph/edit.js'
import { withTensors } from '../graph/with-tensors.js'
import type { Model } from '../model.js'
import { makePayload, readAll } from './payload.js'
import { valuesOf } from './values.js'

/** A ModelProto with one initializer `w`; `fields`: its bytes after name, data_type and dims. */
function modelWith(type: number, dims: readonly number[], fields: readonly number[]): Uint8Array {
  // 0x42: name (field 8), 0x10: data_type (2), 0x08: dims (1).
  const tensor = [0x42, 1, 0x77, 0x10, type, ...dims.flatMap((size) => [0x08, size]), ...fields]
  const graph = [0x2a, tensor.length, ...tensor]
  // 0x08: ir_version (1), 0x3a: graph (7).
  return Uint8Array.of(0x08, 8, 0x3a, graph.length, ...graph)
}

async function read(bytes: Uint8Array): Promise<{ model: Model; values: (number | bigint)[] }> {
  const model = await readModel(bytes)
  const tensor = model.graph.initializers[0]!
  return { model, values: [...valuesOf(tensor.type, await readAll(tensor.data))] }
}

const one = [0, 0, 0x80, 0x3f]
const two = [0, 0, 0, 0x40]

// Bytes by hand: a tag is field * 8 + wire type.
const cases: [string, Uint8Array, (number | bigint)[]][] = [
  ['raw_data', modelWith(1, [2], [0x4a, 8, ...one, ...two]), [1, 2]],
  ['the last of two raw_data', modelWith(1, [1], [0x4a, 4, ...one, 0x4a, 4, ...two]), [2]],
  ['packed float_data', modelWith(1, [2], [0x22, 8, ...one, ...two]), [1, 2]],
  ['float_data one by one', modelWith(1, [2], [0x25, ...one, 0x25, ...two]), [1, 2]],
  ['float_data in two packs', modelWith(1, [2], [0x22, 4, ...one, 0x22, 4, ...two]), [1, 2]],
  [
    'packed int32_data',
    modelWith(6, [3], [0x2a, 12, 0x05, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 7]),
    [5, -1, 7],
  ],
  ['int32_data that holds int8', modelWith(3, [2], [0x2a, 2, 0x7f, 0x03]), [127, 3]],
  ['int32_data that holds the bits of float16', modelWith(10, [2], [0x2a, 5, 0x80, 0x78, 0x80, 0x80, 0x01]), [1, 2]],
  ['int32_data that holds the bits of bfloat16', modelWith(16, [1], [0x2a, 2, 0x80, 0x7f]), [1]],
  ['int32_data one by one', modelWith(6, [2], [0x28, 1, 0x28, 0xac, 2]), [1, 300]],
  // 0x21: elements 1 and 2, low nibble first. 0x0f: 15, that is -1.
  ['int32_data that holds int4', modelWith(22, [4], [0x2a, 2, 0x21, 0x0f]), [1, 2, -1, 0]],
  ['packed int64_data', modelWith(7, [2], [0x3a, 3, 0x01, 0xac, 0x02]), [1n, 300n]],
  ['int64_data below zero', modelWith(7, [1], [0x3a, 10, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), [-2n]],
  ['uint64_data', modelWith(13, [1], [0x5a, 10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), [2n ** 64n - 1n]],
  ['uint64_data that holds uint32', modelWith(12, [1], [0x5a, 5, 0xff, 0xff, 0xff, 0xff, 0x0f]), [2 ** 32 - 1]],
  ['double_data', modelWith(11, [1], [0x52, 8, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]), [1]],
  ['raw_data of 2-bit numbers', modelWith(26, [4], [0x4a, 1, 0b11_10_01_00]), [0, 1, -2, -1]],
]

describe('elements in', () => {
  test.each(cases)('%s', async (_, bytes, expected) => {
    const { model, values } = await read(bytes)
    expect(values).toEqual(expected)
    expect(await modelBytes(model)).toEqual(bytes)
  })
})

describe('new elements', () => {
  test.each(cases)('replace %s', async (_, bytes) => {
    const model = await readModel(bytes)
    const [tensor] = model.graph.initializers
    const data = makePayload(new Uint8Array(tensor!.data.byteLength).fill(0x11))
    const again = await readModel(await modelBytes(withTensors(model, (each) => editTensor(each, { data }))))
    expect(await readAll(again.graph.initializers[0]!.data)).toEqual(await readAll(data))
  })

  test('that are too few are refused', async () => {
    const model = await readModel(modelWith(1, [2], [0x4a, 8, ...one, ...two]))
    expect(() => editTensor(model.graph.initializers[0]!, { data: makePayload(new Uint8Array(4)) })).toThrow(
      "tensor 'w': float32[2] takes 8 bytes, given 4",
    )
  })
})

describe('elements that do not fit the shape', () => {
  test('raw_data is refused on reading, with name, place and sizes', async () => {
    // 2 bytes of ir_version, 2 of graph, 2 of initializer, 3 of name, 2 of type, 2 of dims: raw_data begins at 13.
    const error = await readModel(modelWith(1, [3], [0x4a, 4, ...one])).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(PareError)
    expect(String(error)).toContain("tensor 'w' at byte 13 has 4 bytes in field 9, but float32[3] takes 12 bytes")
  })

  test('numbers in varints are refused when they are read', async () => {
    const model = await readModel(modelWith(7, [3], [0x3a, 2, 1, 2]))
    await expect(readAll(model.graph.initializers[0]!.data)).rejects.toThrow(PareError)
  })

  test('more elements than there can be are refused at once', async () => {
    await expect(readModel(modelWith(7, [100, 100, 100, 100], [0x3a, 1, 1]))).rejects.toThrow(PareError)
  })
})
