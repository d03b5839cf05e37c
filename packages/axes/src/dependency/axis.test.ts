import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Axis, atom, atomsOf, factor, pin, productOf, rootOf, sumOf, unify, unitsAlong } from './axis.js'

const sizes = (axis: Axis) => [...atomsOf(axis)].map(({ size }) => size)

describe('what two axes become when they are one', () => {
  test('an atom takes the other form, wherever it occurs', () => {
    const [width, heads, inner] = [atom(256), atom(8), atom(32)]
    const elsewhere = sumOf([width, atom(10)])
    unify(width, productOf([heads, inner]), 'reshape')
    expect(sizes(elsewhere)).toEqual([8, 32, 10])
    expect(rootOf(width).product?.map(rootOf)).toEqual([heads, inner].map(rootOf))
  })

  test('products of other factors are split into common ones: 8 × 32 and 4 × 64 are 4 × 2 × 32', () => {
    const [a, b] = [productOf([atom(8), atom(32)]), productOf([atom(4), atom(64)])]
    unify(a, b, 'reshape')
    expect(sizes(a)).toEqual([4, 2, 32])
    expect(atomsOf(a)).toEqual(atomsOf(b))
  })

  test('sums of other parts are cut: 3 + 5 and 6 + 2 are 3 + 3 + 2', () => {
    const [a, b] = [sumOf([atom(3), atom(5)]), sumOf([atom(6), atom(2)])]
    unify(a, b, 'concat')
    expect(sizes(a)).toEqual([3, 3, 2])
    expect(atomsOf(a)).toEqual(atomsOf(b))
  })

  test('a fused QKV: three parts of heads × inner, cut between heads', () => {
    const fused = atom(24)
    const parts = [atom(8), atom(8), atom(8)]
    unify(fused, sumOf(parts), 'split')
    const heads = atom(4)
    for (const part of parts) unify(part, productOf([heads, atom(2)]), 'reshape')
    expect([...unitsAlong(fused, rootOf(heads))]).toEqual([
      0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 1, 1, 2, 2, 3, 3,
    ])
  })

  test('grouped queries: heads are key-value heads × repeats, and each key-value head owns a stretch of the query weight', () => {
    const [query, heads] = [atom(8), atom(4)]
    unify(query, productOf([heads, atom(2)]), 'reshape')
    const [keyValue, repeat] = [atom(2), atom(2)]
    unify(heads, productOf([keyValue, repeat]), 'merge')
    expect([...unitsAlong(query, rootOf(keyValue))]).toEqual([0, 0, 0, 0, 1, 1, 1, 1])
    expect([...unitsAlong(query, rootOf(repeat))]).toEqual([0, 0, 1, 1, 0, 0, 1, 1])
  })

  test('what does not fit is pinned with the reason, not guessed', () => {
    const [a, b] = [productOf([atom(3), atom(4)]), productOf([atom(4), atom(3)])]
    unify(a, b, "Reshape 'r'")
    expect([...atomsOf(a)].every((each) => each.pin?.startsWith("Reshape 'r': 4 positions cannot be seen as"))).toBe(true)
    const [c, d] = [atom(3), atom(4)]
    unify(c, d, "Add 'a'")
    expect([c.pin, d.pin]).toEqual(["Add 'a': sizes 3 and 4 differ", "Add 'a': sizes 3 and 4 differ"])
  })

  test('pins and roles go where the axis goes', () => {
    const [a, b] = [atom(6), atom(6)]
    pin(a, 'fixed')
    a.roles.add('conv-out')
    unify(a, b, 'add')
    unify(b, productOf([atom(2), atom(3)]), 'reshape')
    for (const part of atomsOf(b)) expect([part.pin, [...part.roles]]).toEqual(['fixed', ['conv-out']])
  })
})

test('whatever is tied in whatever order: sizes add up, and tied axes have the same units at the same positions', () => {
  const factorization = fc.constantFrom([24], [2, 12], [12, 2], [4, 6], [6, 4], [2, 3, 4], [4, 3, 2], [3, 8])
  const partition = fc.constantFrom([24], [12, 12], [6, 18], [8, 8, 8], [20, 4], [1, 23])
  const form = fc.oneof(
    factorization.map((list) => () => productOf(list.map((size) => atom(size)))),
    partition.map((list) => () => sumOf(list.map((size) => atom(size)))),
  )
  fc.assert(
    fc.property(fc.array(form, { minLength: 2, maxLength: 4 }), (forms) => {
      const axes = forms.map((make) => make())
      for (const [i, axis] of axes.entries()) if (i > 0) unify(axes[i - 1]!, axis, 'tied')
      const free = [...atomsOf(axes[0]!)].filter(({ pin }) => pin === undefined)
      for (const axis of axes) expect(axis.size).toBe(24)
      for (const target of free) for (const axis of axes) expect(unitsAlong(axis, target)).toEqual(unitsAlong(axes[0]!, target))
    }),
    { numRuns: 500 },
  )
})

test('counts that cannot divide an axis leave no axis of a negative size behind', () => {
  expect(factor(atom(6), -2)).toBeUndefined()
  expect(factor(atom(6), 0)).toBeUndefined()
  expect(() => atom(-3)).toThrow('-3 positions are left, expected a whole number from 0 on')
  expect(() => atom(1.5)).toThrow('1.5 positions are left')
})
