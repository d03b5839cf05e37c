import type { PruneStep } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { channel } from '@pare/structure-channel'
import { element } from '@pare/structure-element'
import { describe, expect, it } from 'vitest'
import { partOf } from '../pipeline/stage.js'
import { stagesOf } from './schedule.js'

const masked: PruneStep = { structure: element(), criterion: magnitude(), target: { sparsity: 0.8 } }
const cut: PruneStep = { structure: channel(), criterion: magnitude(), target: { ratio: 0.75 } }
const cubic = { kind: 'iterative', steps: 4, curve: 'cubic' } as const
const linear = { kind: 'iterative', steps: 3, curve: 'linear' } as const
const targets = (steps: readonly PruneStep[], config: Parameters<typeof stagesOf>[1]) =>
  stagesOf(steps, config).map((stage) => stage.map(({ target }) => target))

describe('the stages of a schedule', () => {
  it('are one where it is one-shot', () => {
    expect(stagesOf([masked], undefined)).toEqual([[masked]])
    expect(stagesOf([masked], 'one-shot')).toEqual([[masked]])
  })

  it('count sparsities from the whole model, which zeros stay in', () => {
    // 0.8 · (1 − (1 − t)³)
    expect(targets([masked], cubic)).toEqual(
      [37 / 64, 7 / 8, 63 / 64, 1].map((share) => [{ sparsity: expect.closeTo(0.8 * share, 10) }]),
    )
  })

  it('count ratios from what is left, so that they come to the whole ratio', () => {
    // 1, 3/4, 1/2, 1/4 are left
    expect(targets([cut], linear)).toEqual([1 / 4, 1 / 3, 1 / 2].map((ratio) => [{ ratio: expect.closeTo(ratio, 10) }]))
    const budget: PruneStep = { ...cut, target: { macs: 0.25 } }
    expect(targets([budget], linear)).toEqual([3 / 4, 2 / 3, 1 / 2].map((macs) => [{ macs: expect.closeTo(macs, 10) }]))
  })

  it('hold all steps, each with its own target', () => {
    expect(targets([cut, masked], { kind: 'iterative', steps: 1 })).toEqual([[{ ratio: 0.75 }, { sparsity: 0.8 }]])
  })

  it('share the training: half of it is for the last', () => {
    expect([0, 1, 2].map((index) => partOf({ steps: 100, batch: 8 }, { index, count: 3 }))).toEqual([
      { steps: 25, batch: 8 },
      { steps: 25, batch: 8 },
      { steps: 50, batch: 8 },
    ])
    expect([0, 1].map((index) => partOf({}, { index, count: 2 }))).toEqual([{ epochs: 1.5 }, { epochs: 1.5 }])
    expect(partOf({ epochs: 2 }, { index: 0, count: 1 })).toEqual({ epochs: 2 })
  })
})
