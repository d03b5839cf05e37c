import { expect, test } from 'vitest'
import { proofText, prunedShare, prunedText, removalsOf, removalText } from './pruning.js'
import { withLayers } from './sample.test.data.js'

const plain = (text: string | undefined) => text?.replaceAll('\u00a0', ' ')

const masked = withLayers(2, { sparsity: { before: 0, after: 0.5 } })
const { sparsity: _, layers: __, ...bare } = masked
const cut = {
  ...bare,
  groups: [
    { id: 'a:0', structure: 'head', units: 4, removed: 1 },
    { id: 'b:0', structure: 'neuron', units: 1000, removed: 700 },
    { id: 'c:0', structure: 'head', units: 4, removed: 3 },
  ],
}

test('units are summed by structure, in the order of the steps', () => {
  expect(removalsOf(cut.groups).map(removalText)).toEqual([
    '4 of 8 head units in 2 groups',
    '700 of 1,000 neuron units in 1 group',
  ])
  expect(removalsOf(masked.groups)).toEqual([])
})

test('what went is a share of units, of zeros, of both, or not known', () => {
  expect([cut, masked, { ...cut, sparsity: { before: 0, after: 0.9 } }, bare].map((model) => plain(prunedText(model)))).toEqual([
    '50.0 % head; 70.0 % neuron',
    '50.0 % zeros',
    '50.0 % head; 70.0 % neuron; 90.0 % zeros',
    undefined,
  ])
  expect([cut, masked, bare].map(prunedShare)).toEqual([0.7, 0.5, undefined])
})

test('a proof says how near, how near it must be, and on what', () => {
  const proof = { proved: true as const, difference: 3.04e-7, tolerance: 1e-4, runs: 2, sizesDiffer: true }
  expect(proofText({ ...cut, proof })).toBe('cut = masked: largest difference 3e-7, tolerance 1e-4, two sizes')
  expect(proofText({ ...cut, proof: { ...proof, difference: 0, sizesDiffer: false } })).toBe(
    'cut = masked: largest difference 0, tolerance 1e-4, two inputs',
  )
  expect(proofText({ ...cut, proof: { proved: false } })).toMatch(/^not proved/)
  expect(proofText(masked)).toBeUndefined()
})
