import { type CommonPattern, PareError, type Solution, type Solver, type Statistic, type WeightProblem } from '@pare/core'
import { randomStream, reference, trace } from '@pare/core/backends'
import { describe, expect, test } from 'vitest'
import { criterionLaw } from './contract-law.js'
import { randomNumbers } from './metric-samples.js'

/** The laws every solver obeys, on small problems of each pattern that it does not refuse. `make` is called for each test, so that hidden state would show. */
export function testSolver(make: () => Solver): void {
  const { name, needs, refits = false } = make()
  const solve = (problem: WeightProblem) => make().solve({ ...problem, weight: problem.weight.slice() })

  describe(`solver ${name}`, () => {
    test('has a name that can be typed', () => {
      expect(name).toMatch(/^[a-z][a-z0-9-]*$/)
    })

    criterionLaw(make)

    test('asks for statistics of what a weight is multiplied with, one of each column or a Gram matrix', () => {
      for (const { at, reduce } of Object.values(needs)) {
        expect(at).toBe('input')
        expect(['mean', 'max', 'variance', 'gram']).toContain(reduce)
      }
    })

    test.each(PROBLEMS)('gives as many weights, all finite, and the zeros asked for: $pattern.kind, $zeros', async (shape) => {
      const problem = problemOf(needs, shape)
      const solution = await solve(problem).catch(refused(problem))
      if (solution === undefined) return
      const { weight, notes } = solution
      expect(weight).toBeInstanceOf(Float32Array)
      expect(weight).toHaveLength(problem.weight.length)
      expect([...weight].every(Number.isFinite)).toBe(true)
      expect(Array.isArray(notes)).toBe(true)
      checkPattern(weight, problem)
    })

    test.each(PROBLEMS)('gives the same every time, changing no statistic: $pattern.kind, $zeros', async (shape) => {
      const problem = problemOf(needs, shape)
      const before = structuredClone(problem.stats)
      const first = await solve(problem).catch(refused(problem))
      expect(problem.stats).toEqual(before)
      if (first === undefined) return
      expect(await solve(problem)).toEqual(first)
    })

    test('leaves the weight alone where nothing is to go', async () => {
      const problem = problemOf(needs, { pattern: { kind: 'free' }, zeros: 0 })
      expect((await solve(problem)).weight).toEqual(problem.weight)
    })

    test.each(
      PROBLEMS,
    )('is no further from the output than its own mask without changes: $pattern.kind, $zeros', async (shape) => {
      const problem = problemOf(needs, shape)
      const solution = await solve(problem).catch(refused(problem))
      if (solution === undefined) return
      const { weight } = solution
      const masked = problem.weight.map((value, i) => (weight[i] === 0 ? 0 : value))
      expect(errorOf(problem.weight, weight)).toBeLessThanOrEqual(errorOf(problem.weight, masked) * 1.001 + 1e-9)
    })

    test.skipIf(!refits)('keeps a mask that is decided already', async () => {
      const problem = problemOf(needs, { pattern: { kind: 'free' }, zeros: 40 })
      const kept = Uint8Array.from(problem.weight, (_, i) => Number((i * 7) % 96 >= 40))
      const { weight } = await solve({ ...problem, kept })
      expect(Array.from(weight, (value) => Number(value !== 0))).toEqual([...kept])
    })
  })
}

/** A solver may refuse patterns, with the reason. */
const refused =
  ({ pattern }: WeightProblem) =>
  (error: unknown): Solution | undefined => {
    if (error instanceof PareError && pattern.kind !== 'free') return undefined
    throw error
  }

const ROWS = 8
const COLUMNS = 12
const SAMPLES = 64

interface ProblemShape {
  readonly pattern: CommonPattern
  readonly zeros: number
}

const PROBLEMS: readonly ProblemShape[] = [
  { pattern: { kind: 'free' }, zeros: 24 },
  { pattern: { kind: 'free' }, zeros: 71 },
  { pattern: { kind: 'nm', n: 2, m: 4 }, zeros: 48 },
  { pattern: { kind: 'tile', rows: 2, columns: 4 }, zeros: 48 },
]

/** f32[samples × columns]: inputs with something in common, and of uneven size. */
const INPUTS = inputs()

function inputs(): Float32Array {
  const draw = randomNumbers(3)
  const values = new Float32Array(SAMPLES * COLUMNS)
  for (let s = 0; s < SAMPLES; s++) {
    const common = draw() - 0.5
    for (let c = 0; c < COLUMNS; c++) values[s * COLUMNS + c] = (1 + (c % 5)) * (common + draw() - 0.5)
  }
  return values
}

function problemOf(needs: Solver['needs'], { pattern, zeros }: ProblemShape): WeightProblem {
  const draw = randomNumbers(7)
  // None is zero, nor almost.
  const weight = Float32Array.from({ length: ROWS * COLUMNS }, () => (draw() < 0.5 ? -1 : 1) * (0.1 + draw()))
  const stats = Object.fromEntries(Object.entries(needs).map(([key, statistic]) => [key, measured(statistic)]))
  return { id: 'weight', weight, rows: ROWS, columns: COLUMNS, stats, pattern, zeros, scope: 'tensor' }
}

/** What is measured of the inputs: f64[columns], of 'gram' f64[columns × columns]. */
function measured({ of, reduce }: Statistic): Float64Array {
  const values = new Float32Array(INPUTS.length)
  const expression = trace({ name: 'element', needs: {}, saliency: ({ weight }, ops) => of?.(weight, ops) ?? weight })
  const chunk = { weights: INPUTS, start: 0, stream: randomStream(1, 'input') }
  reference.compile(expression, 'f32').saliency(chunk, values)
  const column = (c: number) => Float64Array.from({ length: SAMPLES }, (_, s) => values[s * COLUMNS + c]!)
  const mean = (list: Float64Array) => list.reduce((sum, value) => sum + value, 0) / list.length
  const columns = Array.from({ length: COLUMNS }, (_, c) => column(c))
  switch (reduce) {
    case 'mean':
      return Float64Array.from(columns, mean)
    case 'max':
      return Float64Array.from(columns, (list) => list.reduce((most, value) => Math.max(most, value), -Infinity))
    case 'variance':
      return Float64Array.from(columns, (list) => mean(list.map((value) => (value - mean(list)) ** 2)))
    case 'gram':
      return Float64Array.from({ length: COLUMNS ** 2 }, (_, i) => {
        const [a, b] = [columns[Math.floor(i / COLUMNS)]!, columns[i % COLUMNS]!]
        return mean(a.map((value, s) => value * b[s]!))
      })
    default:
      throw reduce satisfies never
  }
}

function checkPattern(weight: Float32Array, { pattern, zeros }: WeightProblem): void {
  const isZero = (row: number, column: number) => Number(weight[row * COLUMNS + column] === 0)
  const count = weight.reduce((sum, value) => sum + Number(value === 0), 0)
  switch (pattern.kind) {
    case 'free':
      expect(count).toBe(zeros)
      break
    case 'nm':
      for (let row = 0; row < ROWS; row++)
        for (let first = 0; first < COLUMNS; first += pattern.m) {
          const block = Array.from({ length: pattern.m }, (_, i) => isZero(row, first + i))
          expect(block.reduce((sum, zero) => sum + zero, 0)).toBe(pattern.m - pattern.n)
        }
      break
    case 'tile':
      expect(count).toBeLessThanOrEqual(zeros)
      for (let row = 0; row < ROWS; row++)
        for (let column = 0; column < COLUMNS; column++)
          expect(isZero(row, column)).toBe(isZero(row - (row % pattern.rows), column - (column % pattern.columns)))
      break
    default:
      throw pattern satisfies never
  }
}

/** The squared error of the output, Σ ‖X (w − v)‖², over rows. */
function errorOf(before: Float32Array, after: Float32Array): number {
  let error = 0
  for (let row = 0; row < ROWS; row++)
    for (let s = 0; s < SAMPLES; s++) {
      let lost = 0
      for (let c = 0; c < COLUMNS; c++)
        lost += INPUTS[s * COLUMNS + c]! * (before[row * COLUMNS + c]! - after[row * COLUMNS + c]!)
      error += lost ** 2
    }
  return error
}
