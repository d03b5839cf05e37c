import type { Batch, NdArray, Samples } from '@pare/evaluate'
import { describe, expect, test } from 'vitest'
import { openSource } from './samples.js'

/** Rows x = (i, 10 i) with label i. */
function rows(samples: number): Samples {
  const pick = (numbers: ArrayLike<number>): Batch => {
    const own = Array.from(numbers)
    return {
      first: own[0] ?? 0,
      size: own.length,
      inputs: { x: { type: 'float32', shape: [own.length, 2], data: Float32Array.from(own.flatMap((i) => [i, 10 * i])) } },
      label: { type: 'int64', shape: [own.length], data: BigInt64Array.from(own, BigInt) },
    }
  }
  return dataSet(samples, pick)
}

/** Windows of four tokens of the texts, the last filled up with 0. Token t of text k is 100 k + t, from 1 on. */
function text(lengths: readonly number[]): Samples {
  const windows = lengths.flatMap((length, k) =>
    Array.from({ length: Math.ceil(length / 4) }, (_, w) =>
      [0, 1, 2, 3].map((i) => (4 * w + i < length ? 100 * k + 4 * w + i + 1 : 0)),
    ),
  )
  const pick = (numbers: ArrayLike<number>): Batch => {
    const own = Array.from(numbers).map((i) => windows[i]!)
    const shape = [own.length, 4]
    const array = (data: Uint8Array | BigInt64Array, type: 'bool' | 'int64'): NdArray => ({ type, shape, data })
    return {
      first: 0,
      size: own.length,
      tokens: 'ids',
      inputs: {
        ids: array(BigInt64Array.from(own.flat(), BigInt), 'int64'),
        attention_mask: array(
          BigInt64Array.from(own.flat(), (id) => BigInt(Number(id > 0))),
          'int64',
        ),
      },
      scored: array(Uint8Array.from(own.flatMap((row) => row.map((id, i) => Number(id > 0 && i > 0)))), 'bool'),
    }
  }
  return dataSet(windows.length, pick)
}

function dataSet(samples: number, pick: Samples['pick']): Samples {
  return {
    samples,
    pick,
    ignored: [],
    notes: [],
    columnNames: { slices: [], isOwnGroup: true },
    ...{ sampleSize: 1, sampleShapes: {} },
    batches: () => {
      throw new Error('not read in order')
    },
  }
}

const idsOf = ({ inputs, size }: Batch) =>
  Array.from({ length: size }, (_, i) => Array.from(inputs.ids!.data.subarray(4 * i, 4 * i + 4), Number))

describe('rows', () => {
  test('each epoch has each sample once, in an order of its own, and none that is held out', () => {
    const source = openSource(rows(50), { seed: 3, holdOut: 0.2 })
    expect([source.count, source.held]).toEqual([40, 10])
    const held = source.heldOut(4).flatMap(({ numbers }) => [...numbers])
    const epochs = [0, 1].map((epoch) => [...source.at(40 * epoch, 40).numbers])
    for (const epoch of epochs) expect([...epoch, ...held].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i))
    expect(epochs[0]).not.toEqual(epochs[1])
    expect(source.heldOut(4).map(({ batch }) => batch.size)).toEqual([4, 4, 2])
  })

  test('a position is the same sample whenever it is asked for, also where a batch lies across epochs', () => {
    const source = openSource(rows(7), { seed: 1, holdOut: 0 })
    const all = [...source.at(0, 21).numbers]
    expect([...source.at(5, 4).numbers]).toEqual(all.slice(5, 9))
    expect([...openSource(rows(7), { seed: 1, holdOut: 0 }).at(13, 3).numbers]).toEqual(all.slice(13, 16))
    const { batch, numbers } = source.at(3, 2)
    expect([...batch.label!.data].map(Number)).toEqual([...numbers])
    expect([...batch.inputs.x!.data]).toEqual([...numbers].flatMap((i) => [i, 10 * i]))
  })

  test('of many samples at most 512 are held out, and as many as are said', () => {
    expect(openSource(rows(20000), { seed: 1, holdOut: 0.1 }).held).toBe(512)
    expect(openSource(rows(20000), { seed: 1, holdOut: 1000 }).held).toBe(1000)
  })

  test('nothing left to train on is an error', () => {
    expect(() => openSource(rows(3), { seed: 1, holdOut: 3 })).toThrow('3 of 3 samples are held out')
    expect(() => openSource(rows(3), { seed: 1, holdOut: -1 })).toThrow('-1 samples held out')
  })
})

describe('text', () => {
  test('windows follow each other without a gap, begin elsewhere in each epoch, and never hold two texts', () => {
    const source = openSource(text([22, 10]), { seed: 5, holdOut: 0 })
    // 22 tokens are four windows and some of the text left over, 10 tokens one.
    expect(source.count).toBe(5)
    const starts = new Set<number>()
    for (let epoch = 0; epoch < 20; epoch++) {
      const windows = idsOf(source.at(5 * epoch, 5).batch).sort((a, b) => a[0]! - b[0]!)
      for (const window of windows) expect(window.map((id, i) => id - i)).toEqual(Array(4).fill(window[0]))
      for (const i of [1, 2, 3]) expect(windows[i]![0]! - windows[i - 1]![0]!).toBe(4)
      starts.add(windows[0]![0]!)
    }
    expect([...starts].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7])
  })

  test('a text shorter than a window is filled up, and the filling does not count', () => {
    const { batch } = openSource(text([3]), { seed: 1, holdOut: 0 }).at(0, 1)
    expect(idsOf(batch)).toEqual([[1, 2, 3, 0]])
    expect([...batch.scored!.data]).toEqual([0, 1, 1, 0])
    expect([...batch.inputs.attention_mask!.data].map(Number)).toEqual([1, 1, 1, 0])
  })

  test('the end is held out as it is', () => {
    const source = openSource(text([40]), { seed: 1, holdOut: 2 })
    expect(idsOf(source.heldOut(8)[0]!.batch)).toEqual([
      [33, 34, 35, 36],
      [37, 38, 39, 40],
    ])
    for (let epoch = 0; epoch < 20; epoch++) {
      for (const window of idsOf(source.at(source.count * epoch, source.count).batch)) expect(window[3]).toBeLessThan(33)
    }
  })
})

test('text of which not every token counts is not cut anew: the rows stay as they are, and what counts in them', () => {
  const whole = text([8, 4])
  // In the first window the third token is a question's: only the second and the fourth count.
  const pick: Samples['pick'] = (numbers) => {
    const batch = whole.pick(numbers)
    const scored = Uint8Array.from(batch.scored!.data as Uint8Array)
    Array.from(numbers).forEach((row, i) => {
      if (row === 0) scored[4 * i + 2] = 0
    })
    return { ...batch, scored: { ...batch.scored!, data: scored } as NdArray }
  }
  const source = openSource({ ...whole, pick }, { seed: 1, holdOut: 0 })
  expect([source.count, source.isFixed]).toEqual([3, true])
  const { batch, numbers } = source.at(0, 3)
  const first = numbers.indexOf(0)
  expect(Array.from(batch.scored!.data as Uint8Array).slice(4 * first, 4 * first + 4)).toEqual([0, 1, 0, 1])
  expect(openSource(whole, { seed: 1, holdOut: 0 }).isFixed).toBe(false)
})
