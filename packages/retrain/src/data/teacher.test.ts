import type { Batch } from '@pare/evaluate'
import { expect, test } from 'vitest'
import { remembering } from './teacher.js'

/** Answers 10 n and 10 n + 1 for sample number n, and counts how often it was asked. */
function counting() {
  const questions: number[][] = []
  const teacher = {
    async ask(batch: Batch, numbers: Uint32Array) {
      questions.push([...numbers])
      const data = Float32Array.from([...numbers].flatMap((n) => [10 * n, 10 * n + 1]))
      return { t: { type: 'float32', shape: [batch.size, 2], data } as const }
    },
    [Symbol.asyncDispose]: async () => {},
  }
  return { questions, teacher }
}

const batch = (size: number): Batch => ({ first: 0, size, inputs: {} })

test('a teacher is asked once for each sample', async () => {
  const { questions, teacher } = counting()
  const { ask } = remembering(teacher)
  await ask(batch(2), Uint32Array.of(3, 1))
  await ask(batch(2), Uint32Array.of(0, 3))
  const again = await ask(batch(3), Uint32Array.of(1, 0, 3))
  expect(questions).toEqual([
    [3, 1],
    [0, 3],
  ])
  expect(again).toEqual({ t: { type: 'float32', shape: [3, 2], data: Float32Array.of(10, 11, 0, 1, 30, 31) } })
})

test('what does not fit is asked again', async () => {
  const { questions, teacher } = counting()
  const { ask } = remembering(teacher, 8)
  for (let i = 0; i < 2; i++) for (const number of [5, 6]) await ask(batch(1), Uint32Array.of(number))
  expect(questions).toEqual([[5], [6], [6]])
})
