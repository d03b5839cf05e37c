import { describe, expect, it } from 'vitest'
import { globMatcher, isGlob } from './glob.js'

const matched = (glob: string, names: readonly string[]) => names.filter(globMatcher(glob))

describe('a glob', () => {
  it.each([
    ['a.b', ['a.b', 'axb'], ['a.b']],
    ['*.bias', ['0.bias', '.bias', 'x/0.bias', '0.bias2'], ['0.bias', '.bias']],
    ['/enc/*', ['/enc/MatMul', '/enc/', '/enc', '/enc/a/b'], ['/enc/MatMul']],
    ['/enc/**', ['/enc/MatMul', '/enc', '/enc/a/b', '/encoder/a'], ['/enc/MatMul', '/enc', '/enc/a/b']],
    ['**/MatMul', ['MatMul', '/MatMul', 'a/b/MatMul', 'aMatMul'], ['MatMul', '/MatMul', 'a/b/MatMul']],
    ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b', 'ab', 'a/xb'], ['a/b', 'a/x/b', 'a/x/y/b']],
    ['**', ['', 'a', 'a/b'], ['', 'a', 'a/b']],
    ['*', ['', 'a', 'a/b'], ['a']],
    ['a**b', ['ab', 'axb', 'a/b'], ['ab', 'axb']],
    ['?x', ['ax', '/x', 'x', '😀x'], ['ax', '😀x']],
    ['[a-c]x', ['ax', 'cx', 'dx', '-x'], ['ax', 'cx']],
    ['[!a-c]x', ['ax', 'dx', '/x'], ['dx']],
    ['[]-]x', [']x', '-x', 'ax'], [']x', '-x']],
    ['a[b', ['a[b', 'ab'], ['a[b']],
    ['{a,b{1,2}}.w', ['a.w', 'b1.w', 'b2.w', 'b.w'], ['a.w', 'b1.w', 'b2.w']],
    ['layers.{9..11}.w', ['layers.8.w', 'layers.9.w', 'layers.11.w', 'layers.12.w'], ['layers.9.w', 'layers.11.w']],
    ['{a}', ['a', '{a}'], ['{a}']],
    ['{a,b', ['a', '{a,b'], ['{a,b']],
    ['a\\*b', ['a*b', 'axb'], ['a*b']],
    ['(a|b)+', ['a', '(a|b)+'], ['(a|b)+']],
    ['!a', ['b', '!a'], ['!a']],
  ])('%s', (glob, names, expected) => {
    expect(matched(glob, names)).toEqual(expected)
  })

  it('is one where a character in it has a meaning', () => {
    expect(['a.b', 'a(b)', 'a*', 'a?', '[a', '{a', '\\a'].map(isGlob)).toEqual([false, false, true, true, true, true, true])
  })

  it('matches what trying every way would', () => {
    // All names of up to 5 characters over three.
    const names = ['']
    for (const name of names) if (name.length < 5) names.push(...['a', 'b', '/'].map((more) => name + more))
    for (const glob of ['*a*b', 'a*?b*', '**/a*', '*/**/b', 'a/*/b*', '?*?', '**/*a/**', '*a*a*b'])
      expect(matched(glob, names), glob).toEqual(names.filter((name) => slowly(name, glob)))
  })

  it('takes steps in proportion to its length × that of the name, whatever they are', () => {
    // Trying one way after another would take more than 2 to the power of 100 steps here: it would never end.
    const name = `${'a'.repeat(5000)}c`
    for (const glob of [`${'*a'.repeat(200)}b`, `${'**/'.repeat(200)}b`, `${'{a,aa}'.repeat(8)}*b`])
      expect(globMatcher(glob)(name)).toBe(false)
  })

  it.each([
    ['longer than anybody writes', 'a'.repeat(1001), 'has 1001 characters, more than 1000'],
    ['with alternatives of alternatives', '{a,b}'.repeat(20), 'has too many alternatives in braces'],
    ['with numbers without end', '{0..999999}', 'has too many alternatives in braces'],
    ['with long alternatives', `{0..900}${'x'.repeat(100)}`, '20000 characters in all'],
  ])('%s is refused', (_, glob, message) => {
    expect(() => globMatcher(glob)).toThrow(message)
  })
})

/** Tries every way: for short names only. Knows *, ? and ** between slashes. */
function slowly(name: string, glob: string): boolean {
  if (glob === '') return name === ''
  if (/[^*]\/\*\*$/.test(glob) && slowly(name, glob.slice(0, -3))) return true
  return ways(name, glob, true)
}

function ways(name: string, glob: string, isBegin: boolean): boolean {
  if (glob === '') return name === ''
  if (isBegin && glob.startsWith('**/'))
    return [0, ...[...name].flatMap((c, i) => (c === '/' ? [i + 1] : []))].some((from) =>
      ways(name.slice(from), glob.slice(3), true),
    )
  if (isBegin && glob === '**') return true
  if (glob[0] === '*') {
    const isAlone = isBegin && /^\*+(\/|$)/.test(glob)
    const rest = glob.replace(/^\*+/, '')
    const most = name.split('/')[0]!.length
    return Array.from({ length: most + 1 }, (_, i) => i).some((i) => (!isAlone || i > 0) && ways(name.slice(i), rest, false))
  }
  if (name === '' || (glob[0] === '?' ? name[0] === '/' : name[0] !== glob[0])) return false
  return ways(name.slice(1), glob.slice(1), glob[0] === '/')
}
