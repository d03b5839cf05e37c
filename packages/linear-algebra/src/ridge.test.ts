import { PareError } from '@pare/onnx'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ridgeSolve } from './ridge.js'

test('[[4, 2], [2, 5]] · [1, 1] = [6, 7], and λ = 1 makes the same of [[3, 2], [2, 4]], by hand', async () => {
  const cross = Float64Array.of(6, 7)
  expect(await solved({ gram: Float64Array.of(4, 2, 2, 5), cross, lambda: 0 })).toEqual({ solution: [1, 1], lambda: 0 })
  expect(await solved({ gram: Float64Array.of(3, 2, 2, 4), cross, lambda: 1 })).toEqual({ solution: [1, 1], lambda: 1 })
})

test('λ draws the solution to where it is to be near, by hand', async () => {
  // (3 + 1) · x = 4 + 1 · 4; and where G and B say nothing, λ alone decides.
  const near = Float64Array.of(4)
  expect(await solved({ gram: Float64Array.of(3), cross: Float64Array.of(4), near, lambda: 1 })).toEqual({
    solution: [2],
    lambda: 1,
  })
  const nothing = { gram: Float64Array.of(2, 0, 0, 0), cross: new Float64Array(4), near: Float64Array.of(1, 2, 3, 4), lambda: 2 }
  expect((await solved(nothing)).solution).toEqual([0.5, 1, 3, 4].map((value) => expect.closeTo(value, 12)))
  // A raised λ draws as it was raised: eigenvalues 0 and 2, so the mean of the diagonal times a millionth.
  const raised = await solved({
    gram: Float64Array.of(1, -1, -1, 1),
    cross: new Float64Array(2),
    near: Float64Array.of(1, 1),
    lambda: 0,
  })
  expect(raised.solution).toEqual([expect.closeTo(1, 6), expect.closeTo(1, 6)])
})

test('(G + λI) · X is B again, for any number of inputs and right-hand sides', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 150 }), fc.integer({ min: 0, max: 9 }), fc.constantFrom(1, 2), fc.nat(), check),
    { numRuns: 25 },
  )
  await check(300, 5, 2, 1)

  async function check(inputs: number, sides: number, threads: number, seed: number): Promise<void> {
    const { gram, cross } = random(inputs, sides, seed)
    const { solution, lambda } = (await ridgeSolve({ gram, cross, lambda: 0.1, threads }))!
    expect(lambda).toBe(0.1)
    expect(solution).toHaveLength(cross.length)
    for (let i = 0; i < inputs; i++) {
      for (let s = 0; s < sides; s++) {
        let sum = lambda * solution[i * sides + s]!
        for (let j = 0; j < inputs; j++) sum += gram[i * inputs + j]! * solution[j * sides + s]!
        expect(Math.abs(sum - cross[i * sides + s]!)).toBeLessThan(1e-10)
      }
    }
  }
})

test('a singular matrix gets a millionth of the mean of its diagonal, which finds a solution of what can be solved', async () => {
  const { solution, lambda } = await solved({ gram: Float64Array.of(1, 1, 1, 1), cross: Float64Array.of(2, 2), lambda: 0 })
  expect(lambda).toBe(1e-6)
  expect(solution[0]).toBeCloseTo(1, 5)
  expect(solution[1]).toBeCloseTo(1, 5)
})

test('λ is raised tenfold until it is enough', async () => {
  // Eigenvalues 1 ± 1.005: 0.005 is the least that makes it positive definite.
  const { lambda } = await solved({ gram: Float64Array.of(1, 1.005, 1.005, 1), cross: Float64Array.of(1, 1), lambda: 0.001 })
  expect(lambda).toBeCloseTo(0.01, 12)
})

test('what no λ up to the mean of the diagonal helps has no solution', async () => {
  expect(await ridgeSolve({ gram: Float64Array.of(1, 9, 9, 1), cross: Float64Array.of(1, 1), lambda: 0 })).toBeUndefined()
  expect(await ridgeSolve({ gram: Float64Array.of(0, 0, 0, 0), cross: Float64Array.of(1, 1), lambda: 0 })).toBeUndefined()
})

test('numbers that are not finite are refused with their place', async () => {
  const refused = ridgeSolve({ gram: Float64Array.of(1, 0, Number.NaN, 1), cross: Float64Array.of(1, 1), lambda: 0 })
  await expect(refused).rejects.toThrow('ridgeSolve: element 2 of gram is NaN; finite numbers were expected.')
  await expect(refused).rejects.toBeInstanceOf(PareError)
  await expect(ridgeSolve({ gram: Float64Array.of(1), cross: Float64Array.of(Infinity), lambda: 0 })).rejects.toThrow(
    'cross is Infinity',
  )
  await expect(ridgeSolve({ gram: Float64Array.of(1), cross: Float64Array.of(1), lambda: -1 })).rejects.toThrow('lambda is -1')
})

async function solved(problem: Parameters<typeof ridgeSolve>[0]) {
  const { solution, lambda } = (await ridgeSolve(problem))!
  return { solution: [...solution], lambda }
}

function random(inputs: number, sides: number, seed: number) {
  let state = (seed * 2654435761) >>> 0
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
  const samples = Array.from({ length: 8 }, () => Float64Array.from({ length: inputs }, next))
  const gram = Float64Array.from({ length: inputs ** 2 }, (_, at) =>
    samples.reduce((sum, x) => sum + x[Math.floor(at / inputs)]! * x[at % inputs]!, 0),
  )
  return { gram, cross: Float64Array.from({ length: inputs * sides }, next) }
}
