import { expect, test } from 'vitest'
import { keyOf, lowestOf } from '../rank.js'
import { openArena } from './arena.js'
import { openMovement } from './movement.js'

test('the lowest numbers, and ties by position', () => {
  const lists = [Float32Array.of(3, -1, 0), Float32Array.of(-0, 2, -1, 2)]
  const keys = (x: number) => keyOf(new Int32Array(Float32Array.of(x).buffer)[0]!)
  expect(lowestOf(lists, 1)).toEqual({ key: keys(-1), ties: 1 })
  expect(lowestOf(lists, 2)).toEqual({ key: keys(-1), ties: 2 })
  expect(lowestOf(lists, 3)).toEqual({ key: keys(-0), ties: 1 })
  expect(lowestOf(lists, 5)).toEqual({ key: keys(2), ties: 1 })
})

test('agrees with sorting on many numbers', () => {
  const values = Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i * 1.7) * 10 ** (i % 7))
  const sorted = values.slice().sort()
  for (const count of [1, 17, 2500, 4999]) {
    const { key } = lowestOf([values], count)
    expect(key).toBe(keyOf(new Int32Array(Float32Array.of(sorted[count - 1]!).buffer)[0]!))
  }
})

/** One tensor of four weights under movement pruning to 0.5 in four steps. */
function opened() {
  const arena = openArena([{ name: 'w', shape: [2, 2], decays: true }], ['weights', 'gradients', 'scores', 'hidden'])
  const [tensor] = arena.tensors
  const of = (area: 'weights' | 'gradients' | 'scores' | 'hidden') => arena.view(tensor!, area)
  of('weights').set([1, -2, 3, -4])
  return { arena, of, movement: openMovement(arena, [tensor!], { sparsity: 0.5, curve: 'linear', until: 1, times: 4 }) }
}

test('scores are −Σ w · g: what moves away from zero scores high', () => {
  const { of, movement } = opened()
  of('gradients').set([1, 1, -1, -1])
  movement.score()
  movement.score()
  // Descent makes 1 smaller and −2 larger in size: −(1 · 1), −(−2 · 1), −(3 · −1), −(−4 · −1), twice.
  expect([...of('scores')]).toEqual([-2, 4, 6, -8])
})

test('the mask is chosen anew, and what comes back has the value that it had', () => {
  const { arena, of, movement } = opened()
  of('gradients').set([1, 1, -1, -1])
  movement.score()
  movement.select(2, 4)
  // A quarter goes: the lowest score, −4.
  expect([...of('weights')]).toEqual([1, -2, 3, 0])
  expect(arena.maskBytes[0]).toBe(0b11110111)
  // It goes on being scored with −4: −4 − (−4 · 2) = 4; the others −1 − 4, 2 + 8, 3 − 12.
  of('gradients').set([4, 4, 4, 2])
  movement.score()
  expect([...of('scores')]).toEqual([-5, 10, -9, 4])
  movement.select(4, 4)
  expect([...of('weights')]).toEqual([0, -2, 0, -4])
  expect(arena.maskBytes[0]).toBe(0b11111010)
  expect([...of('hidden')]).toEqual([1, 0, 3, 0])
})

test('what was zero before goes first', () => {
  const { arena, of } = opened()
  of('weights').set([0, -2, 3, 0])
  const more = openMovement(arena, arena.tensors, { sparsity: 0.75, curve: 'linear', until: 1, times: 1 })
  of('gradients').set([1, 1, 1, 1])
  more.score()
  more.select(1, 1)
  expect([...of('weights')]).toEqual([0, -2, 0, 0])
})

test('weights are worth keeping once the mask stays', () => {
  const { arena, movement } = opened()
  expect([1, 3, 4].map((step) => movement.isSettled(step, 4))).toEqual([false, false, true])
  expect(openMovement(arena, arena.tensors, {}).isSettled(1, 4)).toBe(true)
})

test('without a sparsity nothing is masked', () => {
  const { arena, of } = opened()
  const measuring = openMovement(arena, arena.tensors, {})
  of('gradients').fill(1)
  measuring.score()
  measuring.select(4, 4)
  expect([...of('weights')]).toEqual([1, -2, 3, -4])
})
