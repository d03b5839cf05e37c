import { parseText, readAll } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { applyPlan } from '../apply/apply.js'
import type { OwnPattern, PatternProblem, Solver, Structure } from '../contract/contract.js'
import { guardStructure } from '../guard/guard-structure.js'
import { makePlan } from '../plan/make-plan.js'
import type { PruneStep } from '../plan/plan.js'
import { formatPlan, parsePlan, planOf } from '../plan/plan-file.js'

/** Whole inputs go: columns of the least summed saliency, as many as fit. */
const columns: OwnPattern = {
  kind: 'own',
  keep({ rows, columns, saliency, zeros }) {
    const sums = Array.from({ length: columns }, (_, column) => {
      let sum = 0
      for (let row = 0; row < rows; row++) sum += Math.max(saliency[row * columns + column]!, 0)
      return { column, sum }
    })
    const going = sums.sort((a, b) => a.sum - b.sum || a.column - b.column).slice(0, Math.floor(zeros / rows))
    const gone = new Set(going.map(({ column }) => column))
    return Uint8Array.from(saliency, (_, i) => Number(!gone.has(i % columns)))
  },
}

const structureOf = (pattern: OwnPattern, more: Partial<Structure> = {}): Structure => ({
  name: 'columns',
  pattern: 'own',
  find: ({ weights }) => ({
    groups: weights.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern })),
    declined: [],
  }),
  ...more,
})

const magnitude = {
  name: 'magnitude',
  needs: {},
  saliency: ({ weight }, ops) => ops.abs(weight),
} satisfies PruneStep['criterion']

async function pruned(text: string, weights: Record<string, Float32Array>, step: Partial<PruneStep> = {}) {
  const model = parseText(text, weights)
  const structure = guardStructure(structureOf(columns), { kind: 'structure', name: 'columns' })
  const whole = { structure, criterion: magnitude, target: { sparsity: 0.5 }, ...step }
  const { steps } = await makePlan(model, [whole], { seed: 1 })
  const stored = await parsePlan(formatPlan(planOf({ path: 'm.onnx', bytes: 1, sha256: 'a'.repeat(64) }, 1, steps)), 'plan.json')
  const { graph } = await applyPlan(model, stored)
  const [mask] = stored.steps
  return {
    counts: mask?.kind === 'mask' ? mask.weights.map(({ zeros, masked }) => ({ zeros, masked })) : [],
    weights: await Promise.all(
      graph.initializers.map(async ({ data }) => [...new Float32Array((await readAll(data)).slice().buffer)]),
    ),
  }
}

describe('a pattern that a structure brings', () => {
  it('chooses in a matrix with a row for each output, however it is stored, and the plan holds its masks', async () => {
    // Outputs (1, 5, 3) and (−2, 6, 0): the inputs' sums are 3, 11 and 3, so that one of three columns fits into half of six: the first.
    const matmul = await pruned('g (float[N, 3] x) => (float[N, 2] y) <float[3, 2] w> { y = MatMul(x, w) }', {
      w: Float32Array.of(1, -2, 5, 6, 3, 0),
    })
    expect(matmul.weights[0]!.map(Math.abs)).toEqual([0, 0, 5, 6, 3, 0])
    expect(matmul.counts).toEqual([{ zeros: 1, masked: 3 }])
    const gemm = await pruned('g (float[N, 3] x) => (float[N, 2] y) <float[2, 3] w> { y = Gemm<transB = 1>(x, w) }', {
      w: Float32Array.of(1, 5, 3, -2, 6, 0),
    })
    expect(gemm.weights[0]!.map(Math.abs)).toEqual([0, 5, 3, 0, 6, 0])
    // Of each of two groups of a convolution one of two kernel positions: the rows of both groups lie below one another.
    const conv = await pruned('g (float[N, 2, L] x) => (float[N, 2, M] y) <float[2, 1, 2] w> { y = Conv<group = 2>(x, w) }', {
      w: Float32Array.of(1, 9, 2, 3),
    })
    expect(conv.weights[0]!.map(Math.abs)).toEqual([0, 9, 0, 3])
  })

  it('hands on what one weight cannot use up', async () => {
    const text =
      'g (float[N, 3] x) => (float[N, 3] y) <float[3, 3] a, float[3, 3] b> { h = MatMul(x, a) r = Relu(h) y = MatMul(r, b) }'
    const { counts } = await pruned(text, { a: new Float32Array(9).fill(1), b: new Float32Array(9).fill(1) })
    // 5 of the first fit one column of 3; 4 of the second and the 2 left over fit two.
    expect(counts.map(({ masked }) => masked)).toEqual([3, 6])
  })

  const text = 'g (float[N, 3] x) => (float[N, 2] y) <float[3, 2] w> { y = MatMul(x, w) }'
  const values = () => ({ w: Float32Array.of(1, -2, 5, 6, 3, 4) })
  const solver: Solver = { kind: 'solver', name: 'solve', needs: {}, solve: async ({ weight }) => ({ weight, notes: [] }) }

  it.each<[Partial<PruneStep>, string]>([
    [{ criterion: solver }, "solver 'solve' chooses masks itself, and structure 'columns' brings a pattern of its own"],
    [{ target: { threshold: 1 } }, 'and no threshold'],
    [{ scope: 'global' }, 'scope global ranks otherwise'],
  ])('goes with nothing else that chooses: %j', async (step, message) => {
    await expect(pruned(text, values(), step)).rejects.toThrow(message)
  })

  const keeping = (keep: (problem: PatternProblem) => unknown) => ({ kind: 'own', keep }) as OwnPattern
  it.each<[string, OwnPattern, string]>([
    ['no bytes', keeping(() => [1]), "keep gave 'w' [1]; a Uint8Array of 6"],
    ['too few', keeping(() => new Uint8Array(5)), "keep gave 'w' 5 numbers; a Uint8Array of 6"],
    ['all gone', keeping(() => new Uint8Array(6)), "keep gave 'w' 6 zeros; at most 3"],
    ['no mask', keeping(() => new Uint8Array(6).fill(2)), "keep gave 'w' 2 at element 0; 1 where it stays"],
    ['an error', keeping(() => JSON.parse('{')), 'keep threw SyntaxError'],
  ])('is blamed on its structure where it gives %s', async (_, pattern, message) => {
    const structure = guardStructure(structureOf(pattern), { kind: 'structure', name: 'odd', from: 'pare-structure-odd 1.0.0' })
    await expect(pruned(text, values(), { structure })).rejects.toThrow(`structure 'odd' (pare-structure-odd 1.0.0): ${message}`)
  })

  it('is one for all weights', async () => {
    const find: Structure['find'] = ({ weights }) => ({
      groups: weights.map((weight) => ({
        kind: 'mask',
        id: weight.id,
        weight,
        pattern: { kind: 'own', keep: () => new Uint8Array(9) },
      })),
      declined: [],
    })
    const two = 'g (float[N, 3] x) => (float[N, 3] y) <float[3, 3] a, float[3, 3] b> { h = MatMul(x, a) y = MatMul(h, b) }'
    const both = { a: new Float32Array(9).fill(1), b: new Float32Array(9).fill(1) }
    const structure = guardStructure(structureOf(columns, { find }), { kind: 'structure', name: 'odd' })
    await expect(pruned(two, both, { structure })).rejects.toThrow("find gave group 'b' another pattern of its own")
    await expect(pruned(two, both, { structure: structureOf(columns, { find }) })).rejects.toThrow(
      "gives 'a' one pattern and 'b' another",
    )
  })
})

it('a structure looks at the graph, and is blamed where it changes it', async () => {
  const model = 'g (float[N, 3] x) => (float[N, 3] y) <float[3, 3] a, float[3, 3] b> { h = MatMul(x, a) y = MatMul(h, b) }'
  const both = () => ({ a: new Float32Array(9).fill(1), b: new Float32Array(9).fill(1) })
  const find: Structure['find'] = ({ graph, weights }) => {
    const outputs = new Set(graph.outputs.map(({ name }) => name))
    const isLast = ({ uses }: (typeof weights)[number]) => uses.some(({ node }) => node.outputs.some((name) => outputs.has(name)))
    return {
      groups: weights
        .filter((weight) => !isLast(weight))
        .map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: columns })),
      declined: weights.filter(isLast).map(({ id }) => ({ id, structure: 'inner', reason: 'it makes an output of the model' })),
    }
  }
  expect((await pruned(model, both(), { structure: structureOf(columns, { find }) })).counts).toEqual([{ zeros: 0, masked: 3 }])
  const changing: Structure['find'] = (analysis) => {
    ;(analysis.graph.nodes as unknown[]).pop()
    return find(analysis)
  }
  const structure = guardStructure(structureOf(columns, { find: changing }), { kind: 'structure', name: 'odd' })
  await expect(pruned(model, both(), { structure })).rejects.toThrow('find changed the analysis that it was given')
})
