import { PareError } from '@pare/onnx'
import fc from 'fast-check'
import { zipSync } from 'fflate'
import { expect, test } from 'vitest'
import { array, npyBytes, npzBytes } from '../../fixture.test.files.js'
import { parseNpz } from './npz.js'

const LIMIT = 1 << 20

test('arrays come out under their names', () => {
  const arrays = { x: array('float32', [2, 2], [1, 2, 3, 4]), label: array('uint8', [2], [0, 1]) }
  expect([...parseNpz(npzBytes(arrays), 'd.npz', LIMIT)]).toEqual(Object.entries(arrays))
})

test('an archive that unpacks to more than allowed is refused before it is unpacked', () => {
  const bomb = zipSync({ 'x.npy': npyBytes('|u1', [4_000_000], new Uint8Array(4_000_000)) })
  expect(bomb.length).toBeLessThan(10_000)
  expect(() => parseNpz(bomb, 'd.npz', LIMIT)).toThrow(/unpack to 4000128 bytes, more than the 1048576 allowed/)
})

test('an entry that states a smaller size than it has is cut there and refused', () => {
  const liar = zipSync({ 'x.npy': npyBytes('|u1', [4_000_000], new Uint8Array(4_000_000)) })
  const view = new DataView(liar.buffer, liar.byteOffset, liar.byteLength)
  // The unpacked size in the central directory stands 24 bytes behind its signature.
  const directory = view.getUint32(liar.length - 6, true)
  view.setUint32(directory + 24, 1000, true)
  expect(() => parseNpz(liar, 'd.npz', LIMIT)).toThrow(/872 bytes of data, but shape \(4000000\)/)
})

test('something else with the name is refused', () => {
  expect(() => parseNpz(Buffer.from('not a zip at all, only some text'), 'd.npz', LIMIT)).toThrow(
    /d\.npz: not a readable zip archive/,
  )
  expect(() => parseNpz(zipSync({ 'x.npy': Buffer.from('text') }), 'd.npz', LIMIT)).toThrow(/d\.npz\/x\.npy: not a \.npy array/)
})

test('damaged archives are refused, never crashed on', () => {
  const whole = npzBytes({ x: array('float32', [2, 2], [1, 2, 3, 4]), label: array('uint8', [2], [0, 1]) })
  const damage = fc.record({ at: fc.nat(whole.length - 1), byte: fc.integer({ min: 0, max: 255 }), end: fc.nat(whole.length) })
  fc.assert(
    fc.property(damage, ({ at, byte, end }) => {
      const file = Uint8Array.from(whole)
      file[at] = byte
      try {
        parseNpz(file.subarray(0, end), 'd.npz', LIMIT)
      } catch (error) {
        expect(error).toBeInstanceOf(PareError)
      }
    }),
    { numRuns: 2000 },
  )
})
