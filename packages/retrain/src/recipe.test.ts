import { describe, expect, test } from 'vitest'
import { checkRecipe, defaultLearningRate, recipeOf } from './recipe.js'

const facts = {
  samples: 1280,
  isText: false,
  fixedBatch: undefined,
  most: Number.POSITIVE_INFINITY,
  removed: 0,
  normalized: false,
}

describe('without a word', () => {
  test('three epochs of AdamW, and ten looks', () => {
    // 3 · 1,280 ÷ 64
    expect(recipeOf({}, facts)).toEqual({
      ...{ steps: 60, batch: 64, accumulate: 1, optimizer: { name: 'adamw' }, learningRate: 3e-4, schedule: 'cosine' },
      ...{ warmup: 0.05, clip: 1, evaluateEvery: 6, patience: Number.POSITIVE_INFINITY },
    })
  })

  test.each([
    ['text', { isText: true }, 16],
    ['few samples', { samples: 400 }, 16],
    ['very few', { samples: 5 }, 5],
    ["the model's own batch", { fixedBatch: 4 }, 4],
  ])('the batch goes by %s', (_, more, batch) => {
    expect(recipeOf({}, { ...facts, ...more }).batch).toBe(batch)
  })

  test.each([
    ['many', 20, {}, [16, 1]],
    ['five', 5, {}, [4, 4]],
    ['one', 1, {}, [1, 16]],
    ['one, and gradients of two batches are said to make a step', 1, { accumulate: 2 }, [1, 32]],
    ['one, and three are said', 1, { batch: 3 }, [3, 1]],
    ['one, and two batches of three are said', 1, { batch: 3, accumulate: 2 }, [3, 2]],
  ])('a step is of as many samples where %s may run at once', (_, most, size, expected) => {
    const { batch, accumulate } = recipeOf(size, { ...facts, isText: true, most })
    expect([batch, accumulate]).toEqual(expected)
  })

  test('the learning rate goes by how much is gone, and whether layers are normalised', () => {
    const rates = [0, 0.49, 0.5, 0.7, 0.8, 0.9, 0.98]
    expect(rates.map((removed) => defaultLearningRate('adamw', { removed, normalized: false }))).toEqual([
      ...[3e-4, 3e-4, 1e-3, 1e-3, 1.4e-3, 2e-3, 2e-3],
    ])
    expect(rates.map((removed) => defaultLearningRate('adamw', { removed, normalized: true }))).toEqual([
      ...[1e-3, 1e-3, 2.5e-3, 2.5e-3, 3.5e-3, 5e-3, 5e-3],
    ])
    expect(defaultLearningRate('sgd', { removed: 0.5, normalized: false })).toBeCloseTo(0.03, 12)
    expect(defaultLearningRate('adamw', { removed: 0.5, normalized: false, isLora: true })).toBeCloseTo(0.004, 12)
  })
})

test('what is said holds', () => {
  const options = {
    epochs: 0.5,
    batch: 32,
    accumulate: 2,
    learningRate: 1,
    evaluateEvery: 3,
    patience: 2,
    optimizer: 'sgd',
  } as const
  // Half of 1,280 ÷ (32 · 2)
  expect(recipeOf(options, facts)).toMatchObject({
    steps: 10,
    batch: 32,
    accumulate: 2,
    learningRate: 1,
    evaluateEvery: 3,
    patience: 2,
    optimizer: { name: 'sgd' },
  })
  expect(recipeOf({ steps: 7 }, facts)).toMatchObject({ steps: 7, evaluateEvery: 1 })
})

test('a batch that the model does not take is refused', () => {
  expect(() => recipeOf({ batch: 8 }, { ...facts, fixedBatch: 4 })).toThrow("a batch of 8, and the model's is fixed to 4")
})

test('what is out of range is refused, all of it at once', () => {
  expect(() => checkRecipe({ epochs: 0, clip: -1, warmup: -1 })).toThrow(
    'epochs is 0, expected a number above 0; clip is -1, expected a number above 0; warmup is -1, expected a number from 0 on',
  )
  expect(() => checkRecipe({ optimizer: { name: 'sgd', momentum: 1 } })).toThrow('momentum is 1')
  expect(() => checkRecipe({})).not.toThrow()
})
