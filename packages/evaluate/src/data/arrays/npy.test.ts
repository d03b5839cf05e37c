import { PareError } from '@pare/onnx'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { npyBytes } from '../../fixture.test.files.js'
import { type NdArray, numbersOf } from '../ndarray.js'
import { parseNpy } from './npy.js'

const bytesOf = (data: { buffer: ArrayBufferLike }) => new Uint8Array(data.buffer)

test('little-endian floats in row-major order', () => {
  const parsed = parseNpy(npyBytes('<f4', [2, 2], bytesOf(Float32Array.of(1, 2, 3, 4))), 'x.npy')
  expect(parsed).toEqual({ type: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) })
})

test.each([
  ['|b1', Uint8Array.of(1, 0), 'bool', [1, 0]],
  ['|i1', Int8Array.of(-1, 5), 'int8', [-1, 5]],
  ['|u1', Uint8Array.of(255, 5), 'uint8', [255, 5]],
  ['<i2', Int16Array.of(-300, 5), 'int16', [-300, 5]],
  ['<u2', Uint16Array.of(65535, 5), 'uint16', [65535, 5]],
  ['<i4', Int32Array.of(-70000, 5), 'int32', [-70000, 5]],
  ['<u4', Uint32Array.of(4294967295, 5), 'uint32', [4294967295, 5]],
  ['<i8', BigInt64Array.of(-5n, 5n), 'int64', [-5, 5]],
  ['<u8', BigUint64Array.of(7n, 5n), 'uint64', [7, 5]],
  ['<f2', Uint16Array.of(0x3c00, 0xc000), 'float16', [1, -2]],
  ['<f8', Float64Array.of(0.1, 5), 'float64', [0.1, 5]],
] as const)('elements of type %s', (descr, data, type, values) => {
  const parsed = parseNpy(npyBytes(descr, [2], bytesOf(data)), 'x.npy')
  expect(parsed.type).toBe(type)
  expect([...numbersOf(parsed as NdArray)]).toEqual(values)
})

test('big-endian elements of two, four and eight bytes', () => {
  expect([...parseNpy(npyBytes('>u2', [2], Uint8Array.of(1, 2, 0, 3)), 'x.npy').data]).toEqual([258, 3])
  expect([...parseNpy(npyBytes('>f4', [1], Uint8Array.of(0x3f, 0x80, 0, 0)), 'x.npy').data]).toEqual([1])
  expect([...parseNpy(npyBytes('>i8', [1], Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0)), 'x.npy').data]).toEqual([256n])
})

test('column-major order is turned round', () => {
  // [[1, 2, 3], [4, 5, 6]] column by column is 1 4 2 5 3 6.
  const parsed = parseNpy(npyBytes('|u1', [2, 3], Uint8Array.of(1, 4, 2, 5, 3, 6), true), 'x.npy')
  expect([...parsed.data]).toEqual([1, 2, 3, 4, 5, 6])
  // a[i, j, k] = 100i + 10j + k with shape [2, 3, 2]; stored with i running fastest.
  const stored = [0, 100, 10, 110, 20, 120, 1, 101, 11, 111, 21, 121]
  const cube = parseNpy(npyBytes('|u1', [2, 3, 2], Uint8Array.from(stored), true), 'x.npy')
  expect([...cube.data]).toEqual([0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121])
})

test('scalars and empty arrays', () => {
  expect(parseNpy(npyBytes('<f4', [], bytesOf(Float32Array.of(7))), 'x.npy')).toEqual({
    type: 'float32',
    shape: [],
    data: Float32Array.of(7),
  })
  expect(parseNpy(npyBytes('<f4', [0, 3], new Uint8Array()), 'x.npy').shape).toEqual([0, 3])
})

test('what is no array of numbers is refused with what was found', () => {
  expect(() => parseNpy(Buffer.from('hello world'), 'x.npy')).toThrow(/x\.npy: not a \.npy array, it begins with "hello /)
  expect(() => parseNpy(npyBytes('|O', [1], Uint8Array.of(1)), 'x.npy')).toThrow(
    /elements of type '\|O' are neither numbers nor text/,
  )
  expect(() => parseNpy(npyBytes('<M8[s]', [1], new Uint8Array(8)), 'x.npy')).toThrow(/are neither numbers nor text/)
  expect(() => parseNpy(npyBytes('<f4', [3], new Uint8Array(8)), 'x.npy')).toThrow(
    /8 bytes of data, but shape \(3\) of float32 needs 12/,
  )
  expect(() => parseNpy(npyBytes('<f4', [2 ** 40, 2 ** 40], new Uint8Array(8)), 'x.npy')).toThrow(/too large/)
  expect(() => parseNpy(npyBytes('<f4', [1], new Uint8Array(4)).subarray(0, 60), 'x.npy')).toThrow(
    /header ends at byte 128 of 60/,
  )
})

test('damaged files are refused, never crashed on', () => {
  const whole = npyBytes('<f4', [2, 2], bytesOf(Float32Array.of(1, 2, 3, 4)))
  const damage = fc.record({ at: fc.nat(whole.length - 1), byte: fc.integer({ min: 0, max: 255 }), end: fc.nat(whole.length) })
  fc.assert(
    fc.property(damage, ({ at, byte, end }) => {
      const file = Uint8Array.from(whole)
      file[at] = byte
      try {
        parseNpy(file.subarray(0, end), 'x.npy')
      } catch (error) {
        expect(error).toBeInstanceOf(PareError)
      }
    }),
    { numRuns: 2000 },
  )
})

test('a header longer than NumPy reads is refused before anything is looked for in it', () => {
  const header = `{'fortran_order': False, 'shape': (1,), 'descr': ${' '.repeat(60_000)}`
  const file = Uint8Array.from([
    ...Buffer.from('\x93NUMPY\x02\x00', 'latin1'),
    ...new Uint8Array(Uint32Array.of(header.length).buffer),
    ...Buffer.from(header),
  ])
  expect(() => parseNpy(file, 'x.npy')).toThrow('bytes, more than the 10000 that NumPy reads')
})

test.each([
  [
    '<U3',
    'ünï\u{1F600}'.slice(0, 3),
    (text: string) => Buffer.from(Uint32Array.from(text.padEnd(3, '\0'), (c) => c.codePointAt(0)!).buffer),
  ],
  ['|S5', 'cat', (text: string) => Buffer.from(text.padEnd(5, '\0'), 'latin1')],
  ['>U2', 'ab', (text: string) => Buffer.from([...text].flatMap((c) => [0, 0, 0, c.charCodeAt(0)]))],
] as const)('text of type %s', (descr, text, bytes) => {
  const file = npyBytes(
    descr,
    [2],
    Buffer.concat([bytes(text), bytes('')].map((b, i) => (i === 1 && b.length === 0 ? Buffer.alloc(8) : b))),
  )
  expect(parseNpy(file, 'x.npy')).toEqual({ type: 'string', shape: [2], data: [text, ''] })
})
