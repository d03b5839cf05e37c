import { afterAll, describe, expect, test } from 'vitest'
import { define, i32, moduleOf, plus } from './index.js'
import { type Item, SCRATCH, startThreads } from './threads.js'

const PAGES = 200
/** Behind what threads are handed. */
const OUT = (PAGES - 16) * 65536

/** memory[a] += 1; memory[a] = b, by way of the thread's own area. A trap where a is outside. */
const add = define('add', ['i32'], ({ parameters: [a] }) => i32.store(a.get, plus(i32.load(a.get), 1)))
const pass = define('pass', ['i32', 'i32', 'i32'], ({ parameters: [a, b, own] }) => [
  i32.store(own.get, b.get),
  i32.store(a.get, i32.load(own.get)),
])

async function open(count: number) {
  const kind = count > 1 ? 'shared' : 'plain'
  const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: count > 1 })
  const module = new WebAssembly.Module(moduleOf([add, pass], kind))
  let next = 64
  const allocate = (bytes: number) => {
    const address = next
    next += 64 * Math.ceil(bytes / 64)
    return address
  }
  const threads = await startThreads({ count, module, kernels: ['add', 'pass'], memory, allocate, scratch: 64 })
  return { ...threads, words: new Int32Array(memory.buffer, OUT) }
}

describe.each([1, 2, 3])('%i threads', (count) => {
  const opened = open(count)
  afterAll(async () => (await opened)[Symbol.asyncDispose]())

  test('each item is done once, however many there are, job after job', async () => {
    const { run, words } = await opened
    for (const length of [0, 1, 2, 7, 70_000, 3, 1000]) {
      words.fill(0)
      run(Array.from({ length }, (_, i): Item => [[0, OUT + 4 * i]]))
      expect(words.subarray(0, length).every((times) => times === 1)).toBe(true)
      expect(words[length]).toBe(0)
    }
  })

  test('calls of an item run in order, and each thread has an area of its own', async () => {
    const { run, words } = await opened
    run(Array.from({ length: 500 }, (_, i): Item => [7, 8, i].map((value) => [1, OUT + 4 * i, value, SCRATCH] as const)))
    expect([...words.subarray(0, 500)]).toEqual(Array.from({ length: 500 }, (_, i) => i))
  })

  test('a trap, in whichever thread, is thrown here, and the next job runs', async () => {
    const { run, words } = await opened
    expect(() => run(Array.from({ length: 50 }, (): Item => [[0, PAGES * 65536]]))).toThrow(/trapped|out of bounds/)
    words.fill(0)
    run([[[0, OUT]], [[0, OUT + 4]]])
    expect([...words.subarray(0, 3)]).toEqual([1, 1, 0])
  })
})

test('a module that needs another memory is refused', async () => {
  const module = new WebAssembly.Module(moduleOf([add], 'shared'))
  const memory = new WebAssembly.Memory({ initial: 1 })
  await expect(startThreads({ count: 2, module, kernels: ['add'], memory, allocate: () => 0 })).rejects.toThrow(/memory/)
})
