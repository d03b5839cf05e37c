import { describe, expect, test } from 'vitest'
import { renderHtml } from '../html.js'
import { commentMarker, renderComment, renderSummary } from '../markdown/markdown.js'
import { example } from '../sample.test.data.js'
import type { ClassResult } from './fields.js'
import { changedClasses, classFindings, fellBeyondChance } from './findings.js'

const some = (name: string, samples: number, before: number, after: number): ClassResult => ({
  ...{ name, samples, right: { before, after }, share: { before: before / samples, after: after / samples } },
  ...{ lost: Math.max(0, before - after), gained: Math.max(0, after - before), answered: { before, after } },
})

describe('findings', () => {
  test('name a class that is lost', () => {
    expect(classFindings([some('0', 163, 163, 163), some('1', 128, 128, 128), some('2', 9, 9, 0)])).toEqual([
      'Class 2 is lost: all 9 samples were answered rightly before pruning, none is now.',
    ])
  })

  test('name several at once, and count those of few samples', () => {
    expect(classFindings([some('cat', 30, 20, 0), some('dog', 50, 50, 0), some('emu', 2, 2, 0)])).toEqual([
      '2 classes are lost, with no right answer any more: dog (50 of 50 right before), cat (20 of 30 right before).',
      '1 class of which fewer than 5 samples were right has no right answer any more.',
    ])
  })

  test('name classes that fell by more than chance explains, corrected for their number', () => {
    // A fair coin falls seven times on one side with a chance of 1 ÷ 128: less than 5 %, but not where ten classes are looked at.
    expect(fellBeyondChance(some('a', 20, 20, 13), 6)).toBe(true)
    expect(fellBeyondChance(some('a', 20, 20, 13), 7)).toBe(false)
    expect(classFindings([some('a', 20, 20, 13), some('b', 20, 20, 20)])).toEqual([
      'A class fell by more than chance explains: a (100.0 % right before, 65.0 % now, of 20 samples).',
    ])
  })

  test('say nothing of what chance explains, and of classes that were never right', () => {
    expect(classFindings([some('a', 20, 20, 18), some('b', 20, 0, 0), some('c', 20, 5, 9)])).toEqual([])
  })
})

test('classes that lost the largest share come first, and those that stayed are left out', () => {
  const classes = [some('a', 100, 90, 85), some('b', 10, 9, 5), some('c', 10, 9, 9), some('d', 10, 5, 6)]
  expect(changedClasses(classes).map(({ name }) => name)).toEqual(['b', 'a', 'd'])
})

test('a class that is lost stands in the summary, the comment and the page, also where the gate passes', () => {
  const results = example('lost-class')
  expect(results.verdict).toBe('pass')
  for (const text of [renderSummary(results), renderComment(results, { marker: commentMarker('a') }), renderHtml(results)])
    expect(text).toContain('Class 2 is lost: all 9 samples were answered rightly before pruning, none is now.')
})
