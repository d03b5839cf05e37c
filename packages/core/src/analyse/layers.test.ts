import { parseText } from '@pare/onnx'
import { expect, test } from 'vitest'
import type { MaskStep, PlanStep } from '../plan/plan.js'
import { layersOf, sparsityOf } from './layers.js'

const model = parseText(
  'g (float[N, 2] x) => (float[N, 2] z) <float[2, 4] a = {1, 2, 3, 4, 5, 6, 7, 8}, float[4, 2] b = {1, 2, 3, 4, 5, 6, 7, 8}> { y = MatMul(x, a) z = Gemm(y, b) }',
)

const masking = (...weights: readonly { id: string; elements: number; zeros: number; masked: number }[]): MaskStep => ({
  ...{ kind: 'mask', structure: 'element', criterion: 'magnitude', scope: 'global', target: { sparsity: 0.5 } },
  ...{
    saliency: { op: 'weight' },
    precision: 'f32',
    weights: weights.map((weight) => ({ ...weight, rule: { below: 1, until: 0 } })),
  },
})

const cutting: PlanStep = {
  ...{ kind: 'cut', structure: 'neuron', criterion: 'magnitude', scope: 'group', target: { ratio: 0.5 } },
  groups: [],
}

test('a layer is a weight that was masked, in the order of the graph, before the first step and after the last', () => {
  const first = masking({ id: 'b', elements: 8, zeros: 2, masked: 4 }, { id: 'a', elements: 16, zeros: 0, masked: 4 })
  // Between the two half of a was cut.
  const last = masking({ id: 'a', elements: 8, zeros: 2, masked: 6 })
  expect(layersOf(model, [first, cutting, last])).toEqual([
    { name: 'a', op: 'MatMul', shape: [2, 4], elements: 8, sparsity: { before: 0, after: 0.75 } },
    { name: 'b', op: 'Gemm', shape: [4, 2], elements: 8, sparsity: { before: 0.25, after: 0.5 } },
  ])
})

test('weights that no step masked are no layers', () => {
  expect(layersOf(model, [cutting])).toEqual([])
  expect(layersOf(model, [masking({ id: 'b', elements: 8, zeros: 0, masked: 8 })]).map(({ name }) => name)).toEqual(['b'])
})

test('the sparsity of all of them is over their elements, and 0 of none', () => {
  const layers = layersOf(model, [
    masking({ id: 'a', elements: 8, zeros: 1, masked: 4 }, { id: 'b', elements: 24, zeros: 3, masked: 24 }),
  ])
  expect(sparsityOf(layers)).toEqual({ before: 4 / 32, after: 28 / 32 })
  expect(sparsityOf([])).toEqual({ before: 0, after: 0 })
})
