import { expectTypeOf, test } from 'vitest'
import { trace } from '../backend/trace.js'
import type { Criterion, Statistic, TracedValue } from './contract.js'

const squares: Statistic = { at: 'input', of: (value, ops) => ops.square(value), reduce: 'mean' }

test('a criterion is given exactly the statistics that it needs', () => {
  const wanda: Criterion<{ squares: Statistic }> = {
    name: 'wanda',
    needs: { squares },
    scope: 'row',
    saliency({ weight, stats }, ops) {
      expectTypeOf(stats).toEqualTypeOf<{ readonly squares: TracedValue }>()
      // @ts-expect-error what is not asked for is not there
      stats.sums
      return ops.multiply(ops.abs(weight), ops.sqrt(stats.squares))
    },
  }
  const careless: Criterion<{ squares: Statistic }> = {
    name: 'careless',
    // @ts-expect-error what is used must be asked for
    needs: {},
    saliency: ({ stats }) => stats.squares,
  }
  expectTypeOf(careless).toExtend<Criterion>()
  expectTypeOf(trace(wanda)).not.toBeAny()
})

test('the trace of a criterion names its statistics', ({ expect }) => {
  const wanda: Criterion<{ squares: Statistic }> = {
    name: 'wanda',
    needs: { squares },
    saliency: ({ weight, stats }, ops) => ops.multiply(ops.abs(weight), ops.sqrt(stats.squares)),
  }
  expect(trace(wanda)).toEqual({
    op: 'multiply',
    left: { op: 'abs', of: { op: 'weight' } },
    right: { op: 'sqrt', of: { op: 'statistic', key: 'squares' } },
  })
})
