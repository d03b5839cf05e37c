import { parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { analyse } from '../analyse/analyse.js'
import { inputSite, outputSite } from './site.js'

/** What becomes of the weight of y = Einsum(x, w). */
function einsum(equation: string, x: string, shape: readonly number[]) {
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : 17]> g (float[${x}] x) => (float[a] y) <float[${shape}] w> { y = Einsum<equation = "${equation}">(x, w) }`,
    {
      w: new Float32Array(shape.reduce((a, b) => a * b)),
    },
  )
  const { weights, notEligible } = analyse(model)
  const [weight] = weights
  if (weight === undefined) return notEligible[0]!.reason
  return { input: inputSite(weight, weight.uses[0]!), output: outputSite(weight, weight.uses[0]!), rows: weight.rows }
}

const x = (axes: number[]) => ({ value: 'x', axes })
const y = (axes: number[]) => ({ value: 'y', axes })

describe('a weight of Einsum', () => {
  it('is a matrix where letters are summed over or made, whatever number of each', () => {
    expect(einsum('bld,de->ble', 'N, S, 4', [4, 6])).toEqual({
      input: x([2]),
      output: y([2]),
      rows: { batch: 1, before: 4, out: 6, after: 1 },
    })
    // Keras: queries of heads, and what puts them together.
    expect(einsum('abc,cde->abde', 'N, S, 4', [4, 2, 3])).toEqual({
      input: x([2]),
      output: y([2, 3]),
      rows: { batch: 1, before: 4, out: 6, after: 1 },
    })
    expect(einsum('abcd,cde->abe', 'N, S, 2, 3', [2, 3, 4])).toEqual({
      input: x([2, 3]),
      output: y([2]),
      rows: { batch: 1, before: 6, out: 4, after: 1 },
    })
    // Rows first, made in another order than they are stored.
    expect(einsum('bld,hkd->bhlk', 'N, S, 4', [2, 3, 4])).toEqual({
      input: x([2]),
      output: y([1, 3]),
      rows: { batch: 2, before: 1, out: 3, after: 4 },
    })
    expect(einsum('...d,de->...e', 'N, S, 4', [4, 6])).toMatchObject({ input: x([-1]), output: y([-1]) })
  })

  it('is a stack of matrices where it shares a letter with input and output: each has inputs of its own', () => {
    expect(einsum('bhld,hde->bhle', 'N, 2, S, 4', [2, 4, 6])).toEqual({
      input: { value: 'x', axes: [1, 3], stack: [2] },
      output: y([1, 3]),
      rows: { batch: 2, before: 4, out: 6, after: 1 },
    })
  })

  it.each([
    ['ii,id->d', '4, 4', [4, 6]],
    ['bld,de->be', 'N, S, 4', [4, 6]],
    ['bld,ed->bl', 'N, S, 4', [6, 4]],
    ['bcd,chd->bh', 'N, 2, 3', [2, 6, 3]],
  ])('is none where %s is no product', (equation, shape, sizes) => {
    expect(einsum(equation, shape, sizes)).toBe('the equation of its Einsum makes no matrix of it')
  })
})
