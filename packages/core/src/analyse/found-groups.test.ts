import { parseText } from '@pare/onnx'
import { describe, expect, it, test } from 'vitest'
import type { CoupledGroup, Criterion, Structure } from '../contract/contract.js'
import { cutStructure } from '../contract/cut-structure.js'
import { makePlan } from '../plan/make-plan.js'
import { analyseUnits } from './analyse-units.js'
import { findGroups } from './found-groups.js'

const channel = cutStructure({
  name: 'channel',
  candidates: ({ coupled }) => coupled.filter(({ roles }) => roles.has('conv-out')),
})
const find = async (structure: Structure, text: string, weights: Readonly<Record<string, number>>) => {
  const tensors = Object.fromEntries(Object.entries(weights).map(([name, count]) => [name, new Float32Array(count).fill(1)]))
  return findGroups(structure, await analyseUnits(parseText(text, tensors)))
}

describe('factors of one axis are one decision', () => {
  const grouped = `g (float[N, 5, 4, 4] x) => (float[N, 2, 4, 4] y) <float[8, 5, 1, 1] w, float[6, 4, 1, 1] t, float[2, 6, 1, 1] v>
    { h = Conv(x, w)\n k = Conv<group = 2>(h, t)\n y = Conv(k, v) }`
  const sizes = { w: 40, t: 24, v: 12 }

  it('channels within the groups of a convolution are cut, the groups declined with the partner', async () => {
    const { groups, declined } = await find(channel, grouped, sizes)
    expect(groups.map(({ id }) => id)).toEqual(['w:0#2', 't:0'])
    expect(declined.filter(({ id }) => id !== 'v:0')).toEqual([
      {
        id: 'w:0',
        structure: 'channel',
        reason: "these are the groups of a convolution in which 'w:0#2' is cut: cutting both would take more than the ratio says",
      },
    ])
  })

  it('half of the channels means half of each convolution', async () => {
    const model = parseText(
      grouped,
      Object.fromEntries(Object.entries(sizes).map(([name, n]) => [name, new Float32Array(n).fill(1)])),
    )
    const criterion: Criterion = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }
    const { steps } = await makePlan(model, [{ structure: channel, criterion, target: { ratio: 0.5 } }], { seed: 1 })
    const [step] = steps
    if (step?.kind !== 'cut') throw new Error('a step that cuts was expected')
    // 4 within each of 2 groups, of which 3 come out: 7 units, of which 4 go.
    expect(step.groups.map(({ id, removed }) => [id, removed.length])).toEqual([
      ['w:0#2', 2],
      ['t:0', 2],
    ])
  })

  it('a depthwise convolution has nothing but groups: they are its channels', async () => {
    const { groups } = await find(
      channel,
      `g (float[N, 5, 4, 4] x) => (float[N, 2, 4, 4] y) <float[8, 5, 1, 1] w, float[8, 1, 1, 1] t, float[2, 8, 1, 1] v>
      { h = Conv(x, w)\n k = Conv<group = 8>(h, t)\n y = Conv(k, v) }`,
      { w: 40, t: 8, v: 16 },
    )
    expect(groups.map((group) => (group as CoupledGroup).units)).toEqual([8])
  })
})

describe('what a structure does not find, it says', () => {
  const mlp =
    'g (float[N, 4] x) => (float[N, 3] y) <float[4, 8] w, float[8, 3] v> { h = MatMul(x, w)\n r = Relu(h)\n y = MatMul(r, v) }'
  const weights = { w: 32, v: 24 }

  it('units of other kinds, with how many groups there are of each', async () => {
    const { groups, declined } = await find(channel, mlp, weights)
    expect(groups).toEqual([])
    expect(declined).toEqual([
      {
        id: 'the model',
        structure: 'channel',
        reason: 'nothing of its kind; what weights make here: hidden units between two matrix products (1)',
      },
    ])
  })

  it('weights between an input and an output of the model', async () => {
    const { declined } = await find(channel, 'g (float[N, 4] x) => (float[N, 3] y) <float[4, 3] w> { y = MatMul(x, w) }', {
      w: 12,
    })
    expect(declined.map(({ reason }) => reason)).toEqual(["nothing of its kind: it is an axis of the input 'x'"])
  })

  it('a model without weights', async () => {
    const { declined } = await find(channel, 'g (float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }', {})
    expect(declined).toEqual([
      { id: 'the model', structure: 'channel', reason: 'no operator in it multiplies with a constant weight' },
    ])
  })

  test('a structure that masks, too', async () => {
    const none: Structure = { name: 'none', find: () => ({ groups: [], declined: [] }) }
    const { declined } = await find(none, 'g (float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }', {})
    expect(declined.map(({ reason }) => reason)).toEqual(['no operator in it multiplies with a constant weight'])
  })

  it('what lies beyond an operator that is not understood, even where it finds others', async () => {
    const { groups, declined } = await find(
      channel,
      `g (float[N, 5, 4, 4] x) => (float[N, 2, 4, 4] y) <float[8, 5, 1, 1] w, float[6, 8, 1, 1] t, float[6, 6, 1, 1] u, float[2, 6, 1, 1] v>
      { h = Conv(x, w)\n k = Conv(h, t)\n a = acme.Act(k)\n b = Conv(a, u)\n y = Conv(b, v) }`,
      { w: 40, t: 48, u: 36, v: 12 },
    )
    expect(groups.map(({ id }) => id)).toEqual(['w:0'])
    expect(declined.map(({ id }) => id)).toContain("Act 'a'")
    expect(declined.map(({ id }) => id)).toContain('u and 1 more')
  })
})
