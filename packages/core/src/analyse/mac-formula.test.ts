import { type Model, parseText } from '@pare/onnx'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { evaluateMacs, macFormula } from './mac-formula.js'
import { macCount, totalMacs } from './macs.js'

/** Weights are ones. */
function filled(text: string): Model {
  const floats = [...text.matchAll(/float\[([\d, ]+)\] (\w+)/g)].map(([, sizes, name]) => {
    const count = sizes!.split(',').reduce((all, size) => all * Number(size), 1)
    return [name!, new Float32Array(count).fill(1)] as const
  })
  return parseText(text, Object.fromEntries(floats))
}

const image = (convolutions: readonly { readonly stride: number; readonly pad: number }[], last = '') =>
  filled(
    `<ir_version: 10, opset_import: ["" : 18]> m (float[N, 2, H, W] x) => (float[N, 2, a, b] y)
     <${convolutions.map((_, i) => `float[2, 2, 3, 3] w${i}`)}>
     { ${convolutions.map(({ stride, pad }, i) => `x${i} = Conv<pads = [${pad}, ${pad}, ${pad}, ${pad}], strides = [${stride}, ${stride}]>(${i === 0 ? 'x' : `x${i - 1}`}, w${i})`).join('\n')}
       y = Identity(x${convolutions.length - 1}) ${last} }`,
  )

describe('MACs as a formula', () => {
  it('of tokens are so many for each', async () => {
    const model = filled(
      `<ir_version: 10, opset_import: ["" : 18]> m (int64[N, S] ids) => (float[N, S, 5] y) <float[7, 4] table, float[4, 6] w, float[6, 5] v>
       { x = Gather(table, ids) h = MatMul(x, w) y = MatMul(h, v) }`,
    )
    expect(await macFormula(model, { N: 1, S: 1 })).toEqual({ terms: [{ coefficient: 54, powers: { S: 1 } }], multiplesOf: {} })
  })

  it('has smaller terms where a convolution is not padded', async () => {
    // 2 · 2 · 9 at each of (H − 2) · (W − 2) positions.
    expect(await macFormula(image([{ stride: 1, pad: 0 }]), { N: 1, H: 32, W: 32 })).toEqual({
      terms: [
        { coefficient: 36, powers: { H: 1, W: 1 } },
        { coefficient: -72, powers: { W: 1 } },
        { coefficient: -72, powers: { H: 1 } },
        { coefficient: 144, powers: {} },
      ],
      multiplesOf: {},
    })
  })

  it('is none for a model of fixed sizes', async () => {
    const model = filled(
      `<ir_version: 10, opset_import: ["" : 18]> m (float[N, 4] x) => (float[N, 5] y) <float[4, 5] w> { y = MatMul(x, w) }`,
    )
    expect(await macFormula(model, { N: 1 })).toBeUndefined()
  })

  it('says why there is none', async () => {
    // Every third position: no power of 2 divides that.
    expect(await macFormula(image([{ stride: 3, pad: 1 }]), { N: 1, H: 32, W: 32 })).toEqual({
      terms: null,
      multiplesOf: {},
      reason: 'they do not grow as a sum of products of sizes',
    })
  })
})

test('what a formula gives is what is counted, at any sizes that it is for', async () => {
  const layer = fc.record({ stride: fc.constantFrom(1, 2), pad: fc.constantFrom(0, 1) })
  await fc.assert(
    fc.asyncProperty(fc.array(layer, { minLength: 1, maxLength: 4 }), fc.nat(9), fc.nat(9), async (layers, h, w) => {
      const model = image(layers)
      const { terms, multiplesOf } = (await macFormula(model, { N: 1, H: 96, W: 96 }))!
      const sizes = { N: 1, H: 96 + h * (multiplesOf.H ?? 1), W: 96 + w * (multiplesOf.W ?? 1) }
      expect(evaluateMacs(terms!, sizes)).toBeCloseTo(totalMacs(await macCount(model, sizes))!, 3)
    }),
    { numRuns: 30 },
  )
})
