import { parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import type { Structure } from '../contract/contract.js'
import { analyse } from './analyse.js'
import { analyseUnits } from './analyse-units.js'
import { findGroups } from './found-groups.js'

const numbers = (count: number) => Array.from({ length: count }, (_, i) => (i + 1) / count).join(', ')

const codes = Array.from({ length: 32 }, (_, i) => i - 16).join(', ')

/** Two layers, 4-8-3, whose first weight `first` makes as `w`, [4, 8]. */
const layers = (first: string, stored: string) =>
  parseText(
    `g (float[N, 4] x) => (float[N, 3] y) <${stored}, float[8, 3] v = {${numbers(24)}}> { ${first}\n h = MatMul(x, w)\n r = Relu(h)\n y = MatMul(r, v) }`,
  )

/** What everything that is coupled is. */
const coupled: Structure = {
  name: 'coupled',
  kind: 'cut',
  find: ({ coupled }) => ({
    groups: coupled.filter(({ roles }) => roles.has('matmul-out') && roles.has('matmul-in')),
    declined: [],
  }),
}

describe('a weight that the graph computes', () => {
  it.each([
    ['Transpose', 'w = Transpose<perm = [1, 0]>(s)', `float[8, 4] s = {${numbers(32)}}`],
    [
      'two Transposes',
      't = Transpose<perm = [1, 0]>(s)\n u = Transpose<perm = [1, 0]>(t)\n w = Identity(u)',
      `float[4, 8] s = {${numbers(32)}}`,
    ],
    ['Cast', 'w = Cast<to = 1>(s)', `float16[4, 8] s = {${numbers(32)}}`],
    ['DequantizeLinear', 'w = DequantizeLinear(s, k)', `int8[4, 8] s = {${codes}}, float k = {0.1}`],
    [
      'DequantizeLinear and Transpose',
      'c = DequantizeLinear<axis = 0>(s, k)\n w = Transpose<perm = [1, 0]>(c)',
      `int8[8, 4] s = {${codes}}, float[8] k = {${numbers(8)}}`,
    ],
    ['Cast and Transpose', 'c = Cast<to = 1>(s)\n w = Transpose<perm = [1, 0]>(c)', `float16[8, 4] s = {${numbers(32)}}`],
  ])('is masked and cut behind %s', async (_, first, stored) => {
    const model = layers(first, stored)
    expect(analyse(model).weights.map(({ id }) => id)).toEqual(['s', 'v'])
    const { groups } = findGroups(coupled, await analyseUnits(model))
    expect(groups.map((group) => group.kind === 'coupled' && group.units)).toEqual([8])
  })

  it.each([
    [
      'Mul',
      'w = Mul(s, g)',
      `float[4, 8] s = {${numbers(32)}}, float[1, 8] g = {${numbers(8)}}`,
      "it stands behind Mul 'w', where MatMul 'h' reads it",
    ],
    [
      'DequantizeLinear with a scale that is computed',
      'k = Exp(l)\n w = DequantizeLinear(s, k)',
      `int8[4, 8] s = {${codes}}, float l = {0.1}`,
      "it stands behind DequantizeLinear 'w', which makes floats of int8, where MatMul 'h' reads it",
    ],
  ])('is listed with the node where it cannot be masked: %s', (_, first, stored, reason) => {
    expect(analyse(layers(first, stored)).notEligible).toEqual([{ id: 's', reason, byUser: false }])
  })

  it('is no weight where it depends on an input', () => {
    const { weights, notEligible } = analyse(
      layers('t = ReduceSum<keepdims = 0>(x)\n w = Mul(s, t)', `float[4, 8] s = {${numbers(32)}}`),
    )
    expect([weights.map(({ id }) => id), notEligible]).toEqual([['v'], []])
  })
})

describe('where nothing is found, the node that ends the search is named', () => {
  const nothing: Structure = { name: 'nothing', kind: 'cut', find: () => ({ groups: [], declined: [] }) }
  const reasons = async (middle: string) =>
    findGroups(
      nothing,
      await analyseUnits(
        parseText(
          `g (float[N, 4] x) => (float[N, 3] y) <float[4, 8] w = {${numbers(32)}}, float[8, 3] v = {${numbers(24)}}> { h = MatMul(x, w)\n ${middle}\n y = MatMul(r, v) }`,
        ),
      ),
    )

  it('an operator without a rule', async () => {
    expect((await reasons('r = acme.Act(h)')).declined).toEqual([
      { id: "Act 'r'", structure: 'nothing', reason: 'pare does not know what operator acme.Act does to the axes of its inputs' },
      {
        id: 'w and 1 more',
        structure: 'nothing',
        reason: 'what its units are is not known: the search for what goes together ends there',
      },
    ])
  })

  it('sizes that do not follow from the model, once, where they begin', async () => {
    const { declined } = await reasons('p = Cast<to = 7>(x)\n q = Pad(h, p)\n r = Relu(q)')
    expect(declined.map(({ id }) => id)).toEqual(["Pad 'q'", 'w and 1 more'])
    expect(declined[0]?.reason).toContain("the shape of its output 'q' does not follow from the model")
  })
})
