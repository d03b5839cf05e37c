import { expect, test } from 'vitest'
import { parseText } from '../text/text.js'
import { factsOf } from './facts.js'

const open = parseText(
  `g (float[N, 3, H, W] x, float[N, 5] m, float[?, 4] a, float[?, 4] b) => (float[N, 3] y) {
    p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x)
    q = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(p)
    s = Shape<start = 1>(q)
    c = Shape<start = 1, end = 2>(x)
    y = ReduceMean<axes = [2, 3], keepdims = 0>(q)
  }`,
)

test('a size that is the same at all sizes of the inputs is a number, the others have names', async () => {
  const { dims, isFixed } = await factsOf(open)
  const [batch, channels, height, width] = dims('x')!
  expect(channels).toBe(3)
  expect(new Set([batch, height, width].filter((size) => typeof size === 'string')).size).toBe(3)
  expect(dims('m')).toEqual([batch, 5])
  expect([0, 1, 2].map((axis) => isFixed('x', axis))).toEqual([false, true, false])
})

// Of 7 and 13 rows two poolings leave 1 and 3, of 11 and 17 columns 2 and 4: at any one choice some axis may have the size 1.
test('an axis that small inputs leave one position of is not fixed', async () => {
  const { dims } = await factsOf(open)
  expect(dims('q')!.map((size) => typeof size)).toEqual(['string', 'number', 'string', 'string'])
})

test('elements are constant where they do not come from an open size', async () => {
  const { constant } = await factsOf(open)
  expect(constant('c')?.numbers).toEqual([3])
  expect(constant('s')).toBeUndefined()
})

test('of a value some elements are constant, and others are not', async () => {
  const { elements } = await factsOf(open)
  expect(elements('s')).toEqual([3, undefined, undefined])
  expect(elements('q')).toBeUndefined()
})

test('sizes without a name are alike at the same place, or all apart', async () => {
  const [alike, apart] = await Promise.all([factsOf(open), factsOf(open, { unnamed: 'apart' })])
  expect(alike.dims('a')).toEqual(alike.dims('b'))
  expect(apart.dims('a')).not.toEqual(apart.dims('b'))
})
