import { describe, expect, it } from 'vitest'
import { changesSince } from './changes.js'
import type { LockEntry, LockFile } from './lock-file.js'

const SIDES = { ours: 'this pull request', theirs: 'main' }

function entry(limits: unknown, { metric = 'accuracy', data = 'd1' } = {}): LockEntry {
  const file = { path: 'a.onnx', bytes: 1, metrics: { [metric]: 0.8 } }
  return {
    decisive: { model: 'm', 'evaluation data': data },
    limits,
    result: { path: 'a.onnx', verdict: 'pass', reasons: [], metric, reference: file, pruned: file },
  }
}

const lock = (models: LockFile['models']): LockFile => ({ schemaVersion: 1, pare: '0', models })

function said(before: LockEntry, after: LockEntry | undefined, isWhole = true): readonly string[] {
  const models: LockFile['models'] = after === undefined ? {} : { 'a.onnx': after }
  return changesSince(lock({ 'a.onnx': before }), { models, isWhole }, SIDES).map(({ text }) => text)
}

describe('what a run demands less than a lock file', () => {
  it.each<[unknown, unknown, string]>([
    [{ maxDrop: 0.01 }, { maxDrop: 0.9 }, 'This pull request allows a drop of 0.9; main allows 0.01.'],
    [{ maxDrop: 0.01 }, { min: 0.5 }, 'This pull request does not limit maxDrop; main allows a drop of 0.01.'],
    [{ min: 0.9 }, { min: 0.8 }, 'This pull request allows a value of 0.8; main allows 0.9.'],
    [{ max: 5 }, { max: 6 }, 'This pull request allows a value of 6; main allows 5.'],
    // Relative to 0.8: 0.08 is more than 0.05.
    [
      { maxDrop: 0.05 },
      { maxDrop: { relative: 0.1 } },
      'This pull request allows a drop of 0.1 of the reference; main allows 0.05.',
    ],
    [
      { maxDrop: 0.1, certainty: 0.95 },
      { maxDrop: 0.1 },
      'This pull request judges the measured drop; main wants it with certainty 0.95.',
    ],
    [
      { maxDrop: 0.1, certainty: 0.95 },
      { maxDrop: 0.1, certainty: 0.6 },
      'This pull request wants certainty 0.6; main wants 0.95.',
    ],
    [
      { maxDrop: 0.1 },
      { maxDrop: 0.1, allowWorthlessReference: true },
      'This pull request allows a worthless reference; main does not.',
    ],
    [
      [{ maxDrop: 0.1 }, { by: 'language', maxDrop: 0.2 }],
      [{ maxDrop: 0.1 }],
      'Main demands something of accuracy by language; this pull request does not.',
    ],
    [
      [{ maxDrop: 0.1 }, { where: 'language=de', maxDrop: 0.2 }],
      [{ maxDrop: 0.1 }, { where: 'language=de', maxDrop: 0.3 }],
      'This pull request allows a drop of 0.3; main allows 0.2, of accuracy where language=de.',
    ],
  ])('%j, then %j', (before, after, text) => {
    expect(said(entry(before), entry(after))).toEqual([text])
    // What is demanded more is not told.
    expect(said(entry(after), entry(before)).filter((each) => each === text)).toEqual([])
  })

  it('is nothing where it demands the same, or a limit is narrower', () => {
    expect(said(entry({ maxDrop: 0.01 }), entry({ maxDrop: 0.01 }))).toEqual([])
    expect(said(entry({ maxDrop: 0.05, min: 0.5 }), entry({ maxDrop: { relative: 0.01 }, min: 0.6 }))).toEqual([])
  })

  it('is a model that is gone, but not one that was not asked for', () => {
    expect(said(entry({}), undefined)).toEqual(['Main measures a.onnx; this pull request does not.'])
    expect(said(entry({}), undefined, false)).toEqual([])
  })

  it('tells other data, and another metric', () => {
    expect(said(entry({ min: 0 }), entry({ min: 0 }, { data: 'd2' }))).toEqual([
      'This pull request measures with another evaluation data than main: the two cannot be compared.',
    ])
    expect(said(entry({ maxDrop: 0.1 }, { metric: 'f1' }), entry({ maxDrop: 0.1 }))).toContain(
      'This pull request gates accuracy; main gates f1.',
    )
  })
})
