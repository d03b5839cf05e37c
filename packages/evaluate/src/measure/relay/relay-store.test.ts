import { existsSync, readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { array, temporaryFolder } from '../../fixture.test.files.js'
import { RelayStore } from './relay-store.js'

const values = (from: number) => array('float32', [2, 2], [from, from + 1, from + 2, from + 3])

test('what the bound does not hold lies in one file for each value, and both read back', () => {
  const folder = temporaryFolder()
  // Two arrays of 16 bytes, and not a third.
  using store = new RelayStore(folder, 40)
  for (const [i, name] of ['a', 'b', 'c', 'a', 'c'].entries()) store.set(name, i, values(i))
  expect(store.bytesInMemory).toBe(32)
  expect(readdirSync(folder)).toHaveLength(2)
  for (const [i, name] of ['a', 'b', 'c', 'a', 'c'].entries()) expect(store.get(name, i)).toEqual(values(i))
})

test('what is deleted makes room, and its file goes', () => {
  const folder = temporaryFolder()
  using store = new RelayStore(folder, 16)
  store.set('a', 0, values(1))
  store.set('b', 0, values(2))
  store.delete('b')
  expect([store.bytesInMemory, readdirSync(folder)]).toEqual([16, []])
  store.delete('a')
  store.set('c', 0, values(3))
  expect([store.bytesInMemory, readdirSync(folder)]).toEqual([16, []])
  expect(() => store.get('a', 0)).toThrow("no value 'a' of batch 0")
})

test('all types come back from disk as they were, and text stays in memory', () => {
  const folder = temporaryFolder()
  using store = new RelayStore(folder, 0)
  const arrays = [
    array('int64', [3], [1, -2, 3]),
    array('bool', [3], [1, 0, 1]),
    array('float64', [1], [Math.PI]),
    array('float32', [0, 4], []),
    { type: 'string', shape: [2], data: ['one', 'two'] } as const,
  ]
  for (const [i, each] of arrays.entries()) store.set('v', i, each)
  for (const [i, each] of arrays.entries()) expect(store.get('v', i)).toEqual(each)
  expect(store.bytesInMemory).toBe(0)
})

test('disposed of it leaves nothing', () => {
  const folder = temporaryFolder()
  const store = new RelayStore(folder, 0)
  store.set('a', 0, values(1))
  expect(readdirSync(folder)).toHaveLength(1)
  store[Symbol.dispose]()
  expect(readdirSync(folder)).toEqual([])
})

test('a folder that cannot be written to says what to do', () => {
  const folder = temporaryFolder()
  using store = new RelayStore(`${folder}/nowhere`, 0)
  expect(() => store.set('a', 0, values(1))).toThrow(/cannot be written to .*nowhere: ENOENT/)
  expect(existsSync(`${folder}/nowhere`)).toBe(false)
})
