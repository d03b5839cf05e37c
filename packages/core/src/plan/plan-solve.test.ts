import { type Model, parseText, readAll } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { applyPlan } from '../apply/apply.js'
import { type Data, forwardOver, wave } from '../calibrate/forward.test.support.js'
import type { Solver, WeightProblem } from '../contract/contract.js'
import { makePlan } from './make-plan.js'
import type { PlanOptions, PruneStep } from './plan.js'
import { formatPlan, parsePlan, planOf, planPayloads } from './plan-file.js'
import { masking } from './plugins.test.data.js'

/** Zeroes the weights of least w² · G[j, j], the first where equal, and adds what they had to the largest of their row; remembers its problems. */
function largestTakesAll(problems: WeightProblem[] = []): Solver {
  return {
    kind: 'solver',
    name: 'largest-takes-all',
    needs: { gram: { at: 'input', reduce: 'gram' } },
    async solve(problem) {
      const { rows, columns, stats, zeros } = problem
      problems.push({ ...problem, weight: problem.weight.slice() })
      const weight = problem.weight.slice()
      const cost = (e: number) => weight[e]! ** 2 * stats.gram![(e % columns) * (columns + 1)]!
      const order = [...weight.keys()].sort((a, b) => cost(a) - cost(b))
      for (const e of order.slice(0, zeros)) {
        const row = Math.floor(e / columns)
        const own = Array.from({ length: columns }, (_, j) => row * columns + j).filter((other) => other !== e)
        const largest = own.reduce((a, b) => (Math.abs(weight[b]!) > Math.abs(weight[a]!) ? b : a))
        weight[largest]! += weight[e]!
        weight[e] = 0
      }
      return { weight, notes: rows === 1 ? ['has one row only'] : [] }
    },
  }
}

const step = (criterion: Solver, more: Partial<PruneStep> = {}): PruneStep => ({
  ...{ structure: masking({ kind: 'free' }), criterion, target: { sparsity: 0.5 } },
  ...more,
})

const gemm = (w: readonly number[], inputs: number) =>
  parseText(
    `g (float[N, ${inputs}] x) => (float[N, ${w.length / inputs}] y) <float[${w.length / inputs}, ${inputs}] w> { y = Gemm<transB = 1>(x, w) }`,
    { w: Float32Array.from(w) },
  )

const valuesIn = async (model: Model) =>
  Object.fromEntries(
    await Promise.all(
      model.graph.initializers.map(async ({ name, data }) => [name, [...new Float32Array((await readAll(data)).slice().buffer)]]),
    ),
  ) as Record<string, number[]>

const samples = (rows: readonly (readonly number[])[]): Data => ({
  x: { data: Float32Array.from(rows.flat()), shape: [rows.length, rows[0]!.length] },
})

test('a solver gets the Gram matrix of the data, and what it makes of a weight is what the plan holds, by hand', async () => {
  // G = mean of xᵀx over (1, 2) and (3, 0) = [[5, 1], [1, 2]]. Costs w² · G[j, j]: 5, 8 and 45, 2: of four, 1 (first row) and 1 (second row's last) go.
  const problems: WeightProblem[] = []
  const data = samples([
    [1, 2],
    [3, 0],
  ])
  const model = gemm([1, 2, 3, 1], 2)
  const options = { seed: 1, forward: forwardOver(data) }
  const { steps } = await makePlan(model, [step(largestTakesAll(problems))], options)
  const [{ weight, stats, rows, columns, zeros, scope, pattern }] = problems as [WeightProblem]
  expect({ weight: [...weight], gram: [...stats.gram!], rows, columns, zeros, scope, pattern }).toEqual({
    ...{ weight: [1, 2, 3, 1], gram: [5, 1, 1, 2], rows: 2, columns: 2, zeros: 2, scope: 'tensor', pattern: { kind: 'free' } },
  })
  expect(await valuesIn(await applyPlan(model, { seed: 1, steps }))).toEqual({ w: [0, 3, 4, 0] })
  const [mask, update] = steps
  expect(mask).toMatchObject({ kind: 'mask', weights: [{ id: 'w', elements: 4, zeros: 0, masked: 2 }] })
  expect(update).toMatchObject({ kind: 'update', by: 'largest-takes-all', notes: [] })

  const plan = planOf({ path: 'm.onnx', bytes: 1, sha256: 'a'.repeat(64) }, 1, steps)
  const [payload] = planPayloads(plan)
  const read = await parsePlan(formatPlan(plan), 'p.json', payload)
  expect(await valuesIn(await applyPlan(model, read))).toEqual({ w: [0, 3, 4, 0] })
})

test('zeros that were there before count, and are told apart', async () => {
  const { steps } = await makePlan(gemm([0, 2, 3, 1], 2), [step(largestTakesAll())], {
    seed: 1,
    forward: forwardOver(samples([[1, 1]])),
  })
  expect(steps[0]).toMatchObject({ weights: [{ zeros: 1, masked: 2 }] })
})

test('notes name the weight', async () => {
  const { steps } = await makePlan(gemm([1, 2], 2), [step(largestTakesAll())], {
    seed: 1,
    forward: forwardOver(samples([[1, 1]])),
  })
  expect(steps[1]).toMatchObject({ notes: ['w: has one row only'] })
})

test('a MatMul is handed over as rows of outputs, whatever its layout', async () => {
  const problems: WeightProblem[] = []
  const model = parseText('g (float[N, 3] x) => (float[N, 2] y) <float[3, 2] w> { y = MatMul(x, w) }', {
    w: Float32Array.of(1, 4, 2, 5, 3, 6),
  })
  const { steps } = await makePlan(model, [step(largestTakesAll(problems), { target: { sparsity: 0.34 } })], {
    ...{ seed: 1, forward: forwardOver(samples([[1, 1, 1]])) },
  })
  expect(problems[0]).toMatchObject({ weight: Float32Array.of(1, 2, 3, 4, 5, 6), rows: 2, columns: 3 })
  // 1 and 2 go and 3 takes both; stored in columns.
  expect(await valuesIn(await applyPlan(model, { seed: 1, steps }))).toEqual({ w: [0, 4, 0, 5, 6, 6] })
})

test('each group of a convolution is a problem of its own, and the zeros are shared out evenly', async () => {
  const problems: WeightProblem[] = []
  const model = parseText('g (float[N, 4, 3] x) => (float[N, 2, 3] y) <float[2, 2, 1] w> { y = Conv<group = 2>(x, w) }', {
    w: Float32Array.of(1, 2, 3, 4),
  })
  const data: Data = { x: { data: wave(24), shape: [2, 4, 3] } }
  const options = { seed: 1, forward: forwardOver(data) }
  await makePlan(model, [step(largestTakesAll(problems), { target: { sparsity: 0.75 } })], options)
  expect(problems.map(({ weight, rows, columns, zeros }) => ({ weight: [...weight], rows, columns, zeros }))).toEqual([
    { weight: [1, 2], rows: 1, columns: 2, zeros: 1 },
    { weight: [3, 4], rows: 1, columns: 2, zeros: 2 },
  ])
  // Mean over 2 samples × 3 positions of the products of the channels of the group.
  const at = (n: number, c: number, l: number) => data.x!.data[(n * 4 + c) * 3 + l]!
  for (const [g, { stats }] of problems.entries()) {
    for (const [a, b] of [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ] as const) {
      let sum = 0
      for (let n = 0; n < 2; n++) for (let l = 0; l < 3; l++) sum += at(n, 2 * g + a, l) * at(n, 2 * g + b, l)
      expect(stats.gram![a * 2 + b]!).toBeCloseTo(sum / 6, 5)
    }
  }
})

describe('two residual blocks', () => {
  const model = () =>
    parseText(
      `g (float[N, 2] x) => (float[N, 2] z) <float[2, 2] a, float[2, 2] b>
       { p = MatMul(x, a) q = Relu(p) y = Add(x, q) r = MatMul(y, b) s = Relu(r) z = Add(y, s) }`,
      { a: Float32Array.of(4, 1, 1, 1), b: Float32Array.of(1, 2, 3, 4) },
    )
  const grams = async (more: Partial<PruneStep>, options: Partial<PlanOptions> = {}) => {
    const problems: WeightProblem[] = []
    const forward = forwardOver(samples([[1, 2]]))
    await makePlan(model(), [step(largestTakesAll(problems), more)], { seed: 1, forward, ...options })
    return Object.fromEntries(problems.map(({ id, stats }) => [id, [...stats.gram!]]))
  }

  test('the second is solved on what the first lets through once it is solved, by hand', async () => {
    // a, as rows of outputs [4, 1], [1, 1], costs 16, 4 and 1, 4 over x = (1, 2): [4, 1]'s 1 (4, the earlier of two) and the second's first go,
    // which leaves [5, 0], [0, 2]. y = (1, 2) + (5, 4) = (6, 6).
    expect(await grams({})).toEqual({ a: [1, 2, 2, 4], b: [36, 36, 36, 36] })
  })

  test('with sequential: false on what the whole model lets through', async () => {
    // y = (1, 2) + (4 + 2, 1 + 2) = (7, 5).
    expect(await grams({ sequential: false })).toEqual({ a: [1, 2, 2, 4], b: [49, 35, 35, 25] })
  })

  test('progress is told weight by weight, and a signal stops in between', async () => {
    const reports: unknown[] = []
    await grams({}, { onProgress: (progress) => reports.push(progress) })
    expect(reports.filter((progress) => (progress as { total: number }).total === 2)).toEqual([
      { done: 1, total: 2 },
      { done: 2, total: 2 },
    ])
    await expect(grams({}, { signal: AbortSignal.abort(Error('stop')) })).rejects.toThrow('stop')
  })
})

test('an allocation gives each weight a number of zeros of its own', async () => {
  const problems: WeightProblem[] = []
  const model = parseText(
    'g (float[N, 4] x) => (float[N, 2] z) <float[4, 16] a, float[16, 2] b> { y = MatMul(x, a) z = MatMul(y, b) }',
    { a: wave(64), b: wave(32) },
  )
  const options = { seed: 1, forward: forwardOver({ x: { data: wave(8), shape: [2, 4] } }) }
  await makePlan(model, [step(largestTakesAll(problems), { allocation: 'erk' })], options)
  // ERK: densities in proportion to (in + out) ÷ (in · out) = 20/64 and 18/32, scaled to 48 of 96 elements: ε · (20 + 18) = 48.
  const scale = 48 / 38
  expect(problems.map(({ zeros }) => zeros)).toEqual([64 - Math.round(20 * scale), 32 - Math.round(18 * scale)])
})

test('a solver whose statistics are not by column is refused, with the option that leaves the weight out', async () => {
  const byOutput: Solver = { ...largestTakesAll(), needs: { means: { at: 'output', reduce: 'mean' } } }
  const planned = makePlan(gemm([1, 2, 3, 4, 5, 6], 2), [step(byOutput)], { seed: 1, forward: forwardOver(samples([[1, 1]])) })
  await expect(planned).rejects.toThrow(
    "solver 'largest-takes-all' cannot judge 'w': what it is multiplied with is not measured column by column",
  )
})
