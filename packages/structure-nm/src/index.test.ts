import { analyse, applyPlan, type Criterion, formatPlan, makePlan, parsePlan, planOf } from '@pare/core'
import { type Model, parseText, readAll } from '@pare/onnx'
import { testStructure, tinyModels } from '@pare/testing'
import { expect, test } from 'vitest'
import { nm } from './index.js'

testStructure(nm)

const magnitude: Criterion = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }
const random: Criterion = { name: 'random', needs: {}, saliency: (_, ops) => ops.random() }

async function prune(model: Model, options = {}, criterion = magnitude): Promise<number[]> {
  const { steps } = await makePlan(model, [{ structure: nm(options), criterion }], { seed: 1 })
  return weightOf(await applyPlan(model, { seed: 1, steps }))
}

async function weightOf(model: Model): Promise<number[]> {
  return [...new Float32Array((await readAll(model.graph.initializers[0]!.data)).buffer)]
}

test('MatMul: groups run down the columns of [in, out]', async () => {
  // Column 0 is 1, 2, 3, 4 and column 1 is 8, −7, 5, 6: the two largest of each stay.
  const model = parseText('g (float[N, 4] x) => (float[N, 2] y) <float[4, 2] w = {1, 8, 2, -7, 3, 5, 4, 6}> { y = MatMul(x, w) }')
  expect(await prune(model)).toEqual([0, 8, 0, -7, 3, 0, 4, 0])
})

test('Gemm with transB: groups run along the rows of [out, in]; of equal ones the later stays', async () => {
  const model = parseText(
    'g (float[N, 4] x) => (float[N, 2] y) <float[2, 4] w = {1, 2, 3, 4, 5, 5, 5, 5}> { y = Gemm<transB = 1>(x, w) }',
  )
  expect(await prune(model)).toEqual([0, 0, 3, 4, 0, 0, 5, 5])
  expect(await prune(model, { n: 1, m: 4 })).toEqual([0, 0, 0, 4, 0, 0, 0, 5])
})

test('Conv: groups run over input channels, at each position of the kernel on its own', async () => {
  // [out 1, in 4, kernel 1 × 2]: position 0 holds 1, 3, 5, 7 and position 1 holds 8, 6, 4, 2.
  const model = parseText(
    'g (float[N, 4, 5, 5] x) => (float[N, 1, 5, 4] y) <float[1, 4, 1, 2] w = {1, 8, 3, 6, 5, 4, 7, 2}> { y = Conv(x, w) }',
  )
  expect(await prune(model)).toEqual([0, 8, 0, 6, 5, 0, 7, 0])
})

test('of three channels left over, two stay; zeros go first', async () => {
  const model = parseText('g (float[N, 7] x) => (float[N, 1] y) <float[7, 1] w = {4, 0, 2, 1, 3, 2, 1}> { y = MatMul(x, w) }')
  expect(await prune(model)).toEqual([4, 0, 2, 0, 3, 2, 0])
})

test('any shape and criterion: each block of four holds two zeros, whatever stretch is read', async () => {
  const shape = [36, 50] as const
  const w = Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(i * i) + 2)
  const model = parseText(`g (float[N, 36] x) => (float[N, 50] y) <float[36, 50] w> { y = MatMul(x, w) }`, { w })
  for (const criterion of [magnitude, random]) {
    const pruned = await prune(model, {}, criterion)
    for (let column = 0; column < 50; column++) {
      for (let row = 0; row < 36; row += 4) {
        const block = [0, 1, 2, 3].map((i) => pruned[(row + i) * 50 + column]!)
        expect(block.filter((value) => value === 0)).toHaveLength(2)
      }
    }
    const { steps } = await makePlan(model, [{ structure: nm(), criterion }], { seed: 1 })
    const { data } = (await applyPlan(model, { seed: 1, steps })).graph.initializers[0]!
    for (const [offset, bytes] of [
      [400, 4],
      [12, 1200],
      [7196, 4],
      [401, 6],
    ] as const) {
      const part = new Uint8Array(bytes)
      await data.read(part, offset)
      expect(part).toEqual(new Uint8Array(Float32Array.from(pruned).buffer).slice(offset, offset + bytes))
    }
  }
})

test('a plan read back masks the same', async () => {
  const model = tinyModels.convolutions!()
  const { steps } = await makePlan(model, [{ structure: nm({ n: 1, m: 2 }), criterion: magnitude }], { seed: 1 })
  const plan = planOf({ path: 'm.onnx', bytes: 1, sha256: 'a'.repeat(64) }, 1, steps)
  expect(await parsePlan(formatPlan(plan), 'p.json')).toEqual(plan)
})

test('a weight of fewer channels is declined: a depthwise convolution, a first layer', () => {
  const { declined } = nm().find(analyse(tinyModels.convolutions!()))
  expect(declined.find(({ id }) => id === 'depthwise')?.reason).toBe('each output sums over 1 input channel, fewer than 4')
})

test('another target is refused, and the pattern is checked', async () => {
  const step = { structure: nm(), criterion: magnitude, target: { sparsity: 0.7 } }
  await expect(makePlan(tinyModels.residual!(), [step], { seed: 1 })).rejects.toMatchObject({
    message: `structure 'nm' always masks 0.5 of the elements, and takes no other target, not {"sparsity":0.7}.`,
    hint: 'say --sparsity 0.5, or leave the target out',
  })
  expect(() => nm({ n: 4 })).toThrow('nm: n is 4 and m is 4; n below m was expected.')
  expect(() => nm({ n: 0 })).toThrow('nm: n is 0; a whole number from 1 to 63 was expected.')
  expect(() => nm({ n: 1.5 })).toThrow('nm: n is 1.5; a whole number')
  expect(() => nm({ n: 2, m: 128 })).toThrow('nm: m is 128; a whole number from 2 to 64 was expected.')
})
