import { expect, test } from 'vitest'
import type { Gpu } from '../gpu.js'
import { DeviceMemory, stored } from './recording.js'

const gpu = {
  adapter: { name: 'a GPU', limits: { maxStorageBufferBindingSize: 100 } },
  buffer: (size: number) => ({ size, destroy() {} }),
} as unknown as Gpu

test('buffers that are given back serve again, and none is larger than a kernel can bind', () => {
  using memory = new DeviceMemory(gpu)
  const first = memory.take(10)
  expect(first.buffer.size).toBe(64)
  memory.giveBack(first)
  expect(memory.take(16)).toBe(first)
  // 25 words are 100 bytes: 128 would be the next power of two.
  expect(memory.take(25).buffer.size).toBe(100)
  expect(memory.bytes.values).toBe(164)
  expect(() => memory.take(26)).toThrow("a value of 104 bytes is more than the 100 that 'a GPU' can bind")
})

test('integers have 32 bits on a device', () => {
  expect([...new Int32Array(stored([-1, 2 ** 31 - 1, -(2 ** 31)], 'i32').buffer)]).toEqual([-1, 2 ** 31 - 1, -(2 ** 31)])
  expect(() => stored([2 ** 31], 'i32')).toThrow('the integer 2147483648 has more than 32 bits')
})
