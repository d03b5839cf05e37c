import { expect, test } from 'vitest'
import { randomBelow, shuffled, streamOf } from './random.js'

test('an order holds each number once, is the same each time, and another for another seed or epoch', () => {
  const order = shuffled(streamOf(1, 0), 1000)
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  expect(shuffled(streamOf(1, 0), 1000)).toEqual(order)
  for (const other of [streamOf(2, 0), streamOf(1, 1), streamOf(1 + 2 ** 32, 0)]) expect(shuffled(other, 1000)).not.toEqual(order)
})

test('each number comes to each place about equally often', () => {
  const counts = Array.from({ length: 4 }, () => [0, 0, 0, 0])
  for (let epoch = 0; epoch < 4000; epoch++)
    for (const [place, number] of shuffled(streamOf(7, epoch), 4).entries()) counts[place]![number]!++
  // 1000 expected, deviation √(4000 · ¼ · ¾) = 27.
  for (const row of counts) for (const count of row) expect(Math.abs(count - 1000)).toBeLessThan(120)
})

test('numbers stay below the limit, in any position', () => {
  const stream = streamOf(3)
  for (let i = 0; i < 1000; i++) expect(randomBelow(stream, i, 7)).toBeLessThan(7)
  expect(shuffled(stream, 0)).toHaveLength(0)
})
