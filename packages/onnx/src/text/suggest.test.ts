import { describe, expect, it } from 'vitest'
import { editDistance, suggest } from './suggest.js'

describe('suggest', () => {
  it('finds the name that was meant', () => {
    expect(suggest('magnitud', ['magnitude', 'random'])).toBe('magnitude')
    expect(suggest('sede', ['models', 'seed', 'gate'])).toBe('seed')
    expect(suggest('MaxDrop', ['maxDrop', 'min', 'max'])).toBe('maxDrop')
  })

  it('says nothing rather than something far away', () => {
    expect(suggest('wanda', ['magnitude', 'random'])).toBeUndefined()
    expect(suggest('x', [])).toBeUndefined()
  })

  it('takes the first of two that are equally near', () => {
    expect(suggest('mix', ['max', 'min'])).toBe('max')
  })
})

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['abc', '', 3],
    ['kitten', 'sitting', 3], // k→s, e→i, +g
    ['seed', 'sede', 1], // one swap
    ['random', 'random', 0],
  ])('from %j to %j is %i', (left, right, distance) => {
    expect(editDistance(left, right)).toBe(distance)
    expect(editDistance(right, left)).toBe(distance)
  })
})
