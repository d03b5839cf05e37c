import { applyPlan, makePlan, type PlanStep } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { type Model, parseText } from '@pare/onnx'
import { neuron } from '@pare/structure-neuron'
import { tinyModels } from '@pare/testing'
import { expect, test } from 'vitest'
import { quantise } from '../testing/quantise.js'
import { changesOf } from './changes.js'
import { sizesOf } from './sizes.js'

const decoder = tinyModels['decoder, past_sequence_length + 1']!

/** A network of 32 neurons between 16 inputs and 16 outputs. */
function network(): Model {
  const numbers = (count: number, seed: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * seed + 1))
  return parseText(
    'g (float[N, 16] x) => (float[N, 16] y) <float[16, 32] up, float[32, 16] down> { u = MatMul(x, up) r = Relu(u) y = MatMul(r, down) }',
    { up: numbers(512, 1.3), down: numbers(512, 0.7) },
  )
}

async function cutNeurons(model: Model, ratio: number): Promise<{ pruned: Model; steps: readonly PlanStep[] }> {
  const { steps } = await makePlan(model, [{ structure: neuron(), criterion: magnitude(), target: { ratio } }], { seed: 1 })
  return { pruned: await applyPlan(model, { seed: 1, steps }), steps }
}

test('of a decoder: heads, key-value heads, neurons, the width, caches and the vocabulary', async () => {
  const { by, caches, vocabulary } = await sizesOf(decoder())
  const numbers = (sizes: ReadonlyMap<string, number>) => [...sizes.values()]
  // Four queries on two keys and values in each of two layers, 12 neurons, a stream of 8.
  expect(numbers(by.heads)).toEqual([4, 4])
  expect(numbers(by.keyValueHeads)).toEqual([2, 2])
  expect(numbers(by.neurons)).toEqual([12, 12])
  expect(numbers(by.width)).toEqual([8])
  expect(caches).toHaveLength(4)
  expect(caches[0]).toEqual({ name: 'past_key_values.0.key', heads: 2, headDim: 2 })
  expect(vocabulary).toBe(16)
})

test('neurons that share scales in blocks of 16 go together, and count one by one', async () => {
  const blocked = await quantise(network(), 'blocks')
  for (const [model, ratio, left] of [
    [network(), 0.25, 24],
    // Two blocks of 16, of which one goes; where only one is left, the graph shows no group.
    [blocked, 0.5, 16],
  ] as const) {
    const { pruned, steps } = await cutNeurons(model, ratio)
    const changes = changesOf({ before: await sizesOf(model), after: await sizesOf(pruned) }, steps, undefined)
    expect(changes.filter(({ fact }) => fact === 'neurons')).toMatchObject([{ before: 32, after: left }])
  }
})
