import { parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { weightsOf } from '../analyse/analyse.js'
import type { Statistic } from '../contract/contract.js'
import { inputSite, isWithinLayer } from './site.js'

const squares = (at: 'input' | 'output') => ({
  squares: { at, of: (value, ops) => ops.square(value), reduce: 'mean' } satisfies Statistic,
})

describe('what weights of a recurrent layer meet', () => {
  const layer = (directions: number, inputs: number) =>
    weightsOf(
      parseText(
        `g (float[S, N, ${inputs}] x) => (float[S, D, N, 4] y) <float[${directions}, 12, ${inputs}] w, float[${directions}, 12, 4] r>
         { y = GRU<hidden_size = 4, direction = "${directions === 2 ? 'bidirectional' : 'forward'}">(x, w, r) }`,
        { w: new Float32Array(directions * 12 * inputs), r: new Float32Array(directions * 48) },
      ),
    )
  const siteOf = (weight = layer(1, 5)[0]!) => inputSite(weight, weight.uses[0]!)

  it('is the input for those that read it, in both directions alike', () => {
    expect(siteOf()).toEqual({ value: 'x', axes: [-1] })
    expect(siteOf(layer(2, 5)[0])).toEqual({ value: 'x', axes: [-1] })
    expect(siteOf(layer(2, 2)[0])).toBe('what GRU multiplies it with is not measured')
  })

  it('stays within the layer for those that read its states, and so does what it makes', () => {
    expect(layer(1, 5).map((weight) => isWithinLayer(weight, squares('input')))).toEqual([false, true])
    expect(layer(1, 5).map((weight) => isWithinLayer(weight, squares('output')))).toEqual([true, true])
  })
})

it('of weights that are gathered for each token nothing is measured, and the reason says so', () => {
  const [weight] = weightsOf(
    parseText(
      `g (float[N, 1, 1, 4] x, int64[N, 2] which) => (float[N, 2, 1, 6] y) <float[5, 4, 6] w> { some = Gather(w, which) y = MatMul(x, some) }`,
      { w: new Float32Array(120) },
    ),
  )
  expect(inputSite(weight!, weight!.uses[0]!)).toBe(
    "Gather 'some' takes some of it for each token, and what each meets is not measured",
  )
  expect(isWithinLayer(weight!, squares('input'))).toBe(true)
})
