import { describe, expect, it } from 'vitest'
import { strayMember } from './members.js'

const MEMBERS = { name: true, scope: true, find: true } as const

describe('a member that a contract lacks', () => {
  it.each([
    [
      { name: 'a', scpoe: 'row' },
      { name: 'scpoe', value: '"row"', expected: "'scope'" },
    ],
    [{ Name: 'a' }, { name: 'Name', value: '"a"', expected: "'name'" }],
    [{ granularity: 3n }, { name: 'granularity', value: '3', expected: 'one of name, scope, find' }],
    [
      Object.assign(Object.create(null), { colour: () => 1 }),
      { name: 'colour', value: 'a function', expected: 'one of name, scope, find' },
    ],
  ])('%o', (value, stray) => {
    expect(strayMember(value, MEMBERS)).toEqual(stray)
  })

  it('is not there where all are known, and where there is no object', () => {
    for (const value of [{ name: 'a', scope: 'row' }, {}, undefined, null, 'name'])
      expect(strayMember(value, MEMBERS)).toBeUndefined()
  })

  it('of a class is one letter off a member that it lacks; others are its own', () => {
    class Plugin {
      name = 'a'
      names = ['b']
      cache = new Map()
      scop = 'row'
    }
    expect(strayMember(new Plugin(), MEMBERS)).toMatchObject({ name: 'scop', expected: "'scope'" })
    expect(strayMember(Object.assign(new Plugin(), { scope: 'row' }), MEMBERS)).toBeUndefined()
  })
})
