import fc from 'fast-check'
import { TensorProto_DataType } from 'onnx-buf'
import { describe, expect, test } from 'vitest'
import { bitsOf, byteLength, dataTypeCode, dataTypeOf, dataTypes, elementCount, isFloat } from './datatype.js'
import { bytesOf, valuesOf } from './values.js'

describe('element types', () => {
  test('are those of the schema, each under its number', () => {
    const names = { float: 'float32', double: 'float64' } as Record<string, string>
    for (const [name, code] of Object.entries(TensorProto_DataType)) {
      if (typeof code !== 'number' || code === 0) continue
      const ours = names[name.toLowerCase()] ?? name.toLowerCase()
      expect(dataTypeOf(code)).toBe(ours)
      expect(dataTypeCode(dataTypeOf(code)!)).toBe(code)
    }
    expect(dataTypes.length).toBe(26)
    expect(dataTypeOf(0)).toBeUndefined()
    expect(dataTypeOf(27)).toBeUndefined()
  })

  test('four of them are floats of the common formats', () => {
    expect(dataTypes.filter(isFloat)).toEqual(['float32', 'float16', 'float64', 'bfloat16'])
  })

  test('small ones share bytes', () => {
    expect(byteLength('int4', 5)).toBe(3)
    expect(byteLength('uint2', 5)).toBe(2)
    expect(byteLength('complex128', 2)).toBe(32)
    expect(byteLength('string', 7)).toBe(0)
    expect(bitsOf('bfloat16')).toBe(16)
    expect([elementCount([]), elementCount([2, 0]), elementCount([2, 3, 4])]).toEqual([1, 0, 24])
  })
})

describe('values', () => {
  test('of 4 bits: the low half of a byte first, with sign', () => {
    expect([...valuesOf('int4', Uint8Array.of(0x21, 0xf8))]).toEqual([1, 2, -8, -1])
    expect([...valuesOf('uint4', Uint8Array.of(0x21, 0xf8))]).toEqual([1, 2, 8, 15])
    expect([...bytesOf('int4', [1, 2, -8, -1])]).toEqual([0x21, 0xf8])
  })

  test('of 2 bits: four a byte', () => {
    expect([...valuesOf('uint2', Uint8Array.of(0b11_10_01_00))]).toEqual([0, 1, 2, 3])
    expect([...bytesOf('int2', [0, 1, -2, -1])]).toEqual([0b11_10_01_00])
  })

  test('at an odd place are copied, at an even one seen in place', () => {
    const bytes = new Uint8Array(13)
    new DataView(bytes.buffer).setFloat32(1, 2.5, true)
    new DataView(bytes.buffer).setFloat32(8, -1, true)
    expect([...valuesOf('float32', bytes.subarray(1, 5))]).toEqual([2.5])
    const view = valuesOf('float32', bytes.subarray(8, 12))
    expect(view[0]).toBe(-1)
    expect(view.buffer).toBe(bytes.buffer)
  })

  test.each([
    ['int8', -128, 127],
    ['uint8', 0, 255],
    ['int16', -32768, 32767],
    ['uint16', 0, 65535],
    ['int32', -(2 ** 31), 2 ** 31 - 1],
    ['uint32', 0, 2 ** 32 - 1],
    ['int4', -8, 7],
    ['uint4', 0, 15],
    ['int2', -2, 1],
    ['uint2', 0, 3],
    ['bool', 0, 1],
  ] as const)('of %s come back', (type, min, max) => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min, max }), { minLength: 4, maxLength: 4 }), (numbers) => {
        expect([...valuesOf(type, bytesOf(type, numbers))].slice(0, 4)).toEqual(numbers)
      }),
      { seed: 1 },
    )
  })

  test('without a form in JavaScript are refused', () => {
    expect(() => valuesOf('float8e5m2', new Uint8Array(1))).toThrow('float8e5m2')
    expect(() => bytesOf('complex64', [1])).toThrow('complex64')
  })
})
