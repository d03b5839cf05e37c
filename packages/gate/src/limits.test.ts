import { describe, expect, test } from 'vitest'
import { validateLimits } from './limits.js'

const accuracy = { metric: 'accuracy', bounded: true }
const perplexity = { metric: 'perplexity', bounded: false }

describe('validateLimits', () => {
  test('finds no fault with limits that suit the metric', () => {
    expect(validateLimits({ maxDrop: 0.01 }, accuracy)).toEqual([])
    expect(validateLimits({ maxDrop: 0 }, accuracy)).toEqual([])
    expect(validateLimits({ maxDrop: { relative: 0.01 }, certainty: 0.95 }, perplexity)).toEqual([])
    expect(validateLimits({ min: 0.9, max: 1 }, accuracy)).toEqual([])
    expect(validateLimits({ maxDrop: 0.01 })).toEqual([])
  })

  test('shows both forms for a percentage in text', () => {
    expect(validateLimits({ maxDrop: '1%' }, accuracy)).toEqual([
      {
        at: 'maxDrop',
        message: "maxDrop is '1%', text",
        hint: "write maxDrop: 0.01 for an absolute drop (0.95 to 0.94), or maxDrop: { relative: 0.01 } for 1 % of the reference's value",
      },
    ])
    expect(validateLimits({ maxDrop: '0.5 %' })[0]?.hint).toContain('maxDrop: 0.005 for an absolute drop (0.95 to 0.945)')
  })

  test('demands the relative form of a metric without a fixed range', () => {
    expect(validateLimits({ maxDrop: 0.02 }, perplexity)).toEqual([
      {
        at: 'maxDrop',
        message: 'maxDrop is 0.02, absolute, but perplexity has no fixed range',
        hint: "write maxDrop: { relative: 0.02 }, a fraction of the reference's perplexity",
      },
    ])
    expect(validateLimits({ maxDrop: '1%' }, perplexity)[0]?.hint).toBe(
      "write maxDrop: { relative: 0.01 } for 1 % of the reference's value",
    )
  })

  test('takes 5 for five percent that were meant', () => {
    expect(validateLimits({ maxDrop: 5 }, accuracy)[0]?.hint).toBe('for 5 percentage points write maxDrop: 0.05')
    expect(validateLimits({ maxDrop: { relative: 2 } }, perplexity)[0]?.hint).toBe('for 2 % write maxDrop: { relative: 0.02 }')
    expect(validateLimits({ min: 97 }, accuracy)[0]).toMatchObject({
      message: 'min is 97, but accuracy lies between 0 and 1',
      hint: 'for 97 % write min: 0.97',
    })
    expect(validateLimits({ maxDrop: 0.1, certainty: 95 })[0]?.hint).toBe('write certainty: 0.95')
  })

  test('refuses a relative drop from a reference that is 0 by definition', () => {
    expect(validateLimits({ maxDrop: { relative: 0.1 } }, { metric: 'kl', bounded: false })[0]?.hint).toBe(
      'limit kl itself: write e.g. max: 0.05',
    )
  })

  test('tells everything at once', () => {
    const problems = validateLimits({ maxDrop: -1, min: 2, max: Number.NaN, certainty: 0.3, maxdrop: 1 }, accuracy)
    expect(problems.map(({ at }) => at)).toEqual(['maxdrop', 'maxDrop', 'min', 'max', 'certainty'])
    for (const { message, hint } of problems) expect(`${message} ${hint}`.length).toBeGreaterThan(20)
  })

  test('refuses what could never fail, or never pass', () => {
    expect(validateLimits({})[0]?.message).toBe('no limit is set, so nothing could ever fail')
    expect(validateLimits({ certainty: 0.95 }).map(({ at }) => at)).toEqual(['', 'certainty'])
    expect(validateLimits({ min: 0.9, max: 0.8 })[0]?.message).toBe('min is 0.9, above max, 0.8: nothing can pass')
  })

  test('refuses what is no limit', () => {
    for (const wrong of [null, [], 'strict', 0.01]) expect(validateLimits(wrong)).toHaveLength(1)
    for (const maxDrop of [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      null,
      {},
      { relative: '1%' },
      { relative: 0.1, absolute: 1 },
      { relative: -1 },
      true,
    ]) {
      expect(validateLimits({ maxDrop }).map(({ at }) => at)).toEqual(['maxDrop'])
    }
  })
})
