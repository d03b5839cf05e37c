import { editGraph, editModel, type Model, makeValueInfo, modelBytes, parseText, readAll, valuesOf } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import { analyseUnits } from '../analyse/analyse-units.js'
import { applyPlan } from '../apply/apply.js'
import type { Forward } from '../calibrate/forward.js'
import { type Data, forwardOver, outputsOf } from '../calibrate/forward.test.support.js'
import type { CutStep } from '../plan/plan.js'
import { repair } from './repair.js'

const seed = 1
const SAMPLES = 40

/** Made-up numbers of about this size, the same each time. */
const numbers = (count: number, by: number, size = 1) =>
  Array.from({ length: count }, (_, i) => size * Math.sin(by * (i + 1) ** 2))
const listed = (values: readonly number[]) => `{${values.map((value) => value.toFixed(6)).join(', ')}}`
const data: Data = { x: { data: Float32Array.from(numbers(SAMPLES * 5, 0.7)), shape: [SAMPLES, 5] } }

function inOneBatch(own: Data): Forward {
  const forward = forwardOver(own)
  return (model, options) => forward(model, { ...options, batch: SAMPLES })
}

/** The model that gives these values too. */
function withOutputs(model: Model, names: readonly string[]): Model {
  const more = names.map((name) => makeValueInfo({ name, type: 'float32', shape: ['N', '?'] }))
  return editModel(model, { graph: editGraph(model.graph, { outputs: [...model.graph.outputs, ...more] }) })
}

/** Three residual blocks of width 4 behind a product; those of `linear` are a product each, the others down(relu(up(h))). */
function stack({ linear = [] as readonly number[], bias = false } = {}): Model {
  const constants = [`float[5, 4] w = ${listed(numbers(20, 1.3))}`, `float[4, 3] v = ${listed(numbers(12, 2.1))}`]
  const nodes = [0, 1, 2].map((l) => {
    if (linear.includes(l)) {
      constants.push(`float[4, 4] a${l} = ${listed(numbers(16, 3 + l, 0.5))}`)
      return `d${l} = MatMul(h${l}, a${l}) h${l + 1} = Add(h${l}, d${l})`
    }
    constants.push(
      `float[4, 6] up${l} = ${listed(numbers(24, 5 + l))}`,
      `float[6, 4] down${l} = ${listed(numbers(24, 9 + l, 0.5))}`,
    )
    if (bias) constants.push(`float[4] b${l} = ${listed(numbers(4, 11 + l))}`)
    const added = bias ? `e${l} = Add(d${l}, b${l}) h${l + 1} = Add(e${l}, h${l})` : `h${l + 1} = Add(h${l}, d${l})`
    return `u${l} = MatMul(h${l}, up${l}) r${l} = Relu(u${l}) d${l} = MatMul(r${l}, down${l}) ${added}`
  })
  return parseText(
    `g (float[N, 5] x) => (float[N, 3] y) <${constants.join(', ')}> { h0 = MatMul(x, w) ${nodes.join(' ')} y = MatMul(h3, v) }`,
  )
}

async function without(model: Model, removed: readonly number[]): Promise<CutStep> {
  const [group] = (await analyseUnits(model)).blocks
  const head = { kind: 'cut', structure: 'layer', criterion: 'sensitivity', scope: 'group', target: { ratio: 0.3 } } as const
  return { ...head, groups: [{ id: group!.id, units: group!.units, removed }] }
}

async function repaired(model: Model, removed: readonly number[]) {
  const step = await without(model, removed)
  const pruned = await applyPlan(model, { seed, steps: [step] })
  const { step: update, ...counts } = await repair(model, pruned, { steps: [step], seed, forward: inOneBatch(data) })
  return { step, pruned, update, counts, after: await applyPlan(pruned, { seed, steps: [update] }) }
}

async function floats(model: Model, name: string): Promise<number[]> {
  const tensor = model.graph.initializers.find((each) => each.name === name)!
  return Array.from(valuesOf(tensor.type, await readAll(tensor.data)) as Float32Array)
}

/** Mean squared difference of what comes out. */
async function error(model: Model, reference: Model): Promise<number> {
  const [own, whole] = [(await outputsOf(model, data)).y!, (await outputsOf(reference, data)).y!]
  return own.reduce((sum, value, i) => sum + (value - whole[i]!) ** 2, 0) / own.length
}

/** a · b, rows of `inner` times columns of `columns`. */
const product = (a: readonly number[], b: readonly number[], inner: number, columns: number) =>
  Array.from({ length: (a.length / inner) * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns]
    let sum = 0
    for (let k = 0; k < inner; k++) sum += a[row * inner + k]! * b[k * columns + column]!
    return sum
  })

/** The solution of a · x = b by Gauss and Jordan; b has `columns` columns. */
function solved(a: readonly number[], b: readonly number[], columns: number): number[] {
  const n = Math.sqrt(a.length)
  const rows = Array.from({ length: n }, (_, i) => [...a.slice(i * n, (i + 1) * n), ...b.slice(i * columns, (i + 1) * columns)])
  for (let i = 0; i < n; i++) {
    const best = rows.slice(i).reduce((most, row, k) => (Math.abs(row[i]!) > Math.abs(rows[most]![i]!) ? i + k : most), i)
    ;[rows[i], rows[best]] = [rows[best]!, rows[i]!]
    rows[i] = rows[i]!.map((value, _, row) => value / row[i]!)
    for (let k = 0; k < n; k++) if (k !== i) rows[k] = rows[k]!.map((value, j) => value - rows[k]![i]! * rows[i]![j]!)
  }
  return rows.flatMap((row) => row.slice(n))
}

describe('blocks that were removed', () => {
  test('are replaced exactly where they are linear: h + h·A behind x·W is x·W(I + A)', async () => {
    const model = stack({ linear: [0] })
    const { after, pruned, counts, update } = await repaired(model, [0])
    const [w, a] = [await floats(model, 'w'), await floats(model, 'a0')]
    const expected = product(
      w,
      a.map((value, i) => value + Number(i % 5 === 0)),
      4,
      4,
    )
    // But for the ridge, a thousandth of the mean square of the inputs.
    for (const [i, value] of (await floats(after, 'w')).entries()) expect(value).toBeCloseTo(expected[i]!, 2)
    expect(await error(after, model)).toBeLessThan(1e-4 * (await error(pruned, model)))
    expect(counts.refit).toBe(1)
    expect(update.notes).toContain('h0: fitted to take the place of a block that was removed behind it')
  })

  test.each([
    [[1]],
    [[1, 2]],
  ])('without %j the layer before is the least-squares fit to what was behind them', async (removed) => {
    const model = stack()
    const { after } = await repaired(model, removed)
    const values = await outputsOf(withOutputs(model, ['r0', 'h0', `h${removed.at(-1)! + 1}`]), data)
    const [r, h, end] = ['r0', 'h0', `h${removed.at(-1)! + 1}`].map((name) => Array.from(values[name]!)) as [
      number[],
      number[],
      number[],
    ]
    const before = await floats(model, 'down0')
    const transposed = Array.from({ length: r.length }, (_, i) => r[(i % SAMPLES) * 6 + Math.floor(i / SAMPLES)]! / SAMPLES)
    const gram = product(transposed, r, SAMPLES, 6)
    const lambda = (0.001 * [0, 1, 2, 3, 4, 5].reduce((sum, i) => sum + gram[i * 7]!, 0)) / 6
    const target = end.map((value, i) => value - h[i]!)
    const right = product(transposed, target, SAMPLES, 4).map((value, i) => value + lambda * before[i]!)
    const expected = solved(
      gram.map((value, i) => value + (i % 7 === 0 ? lambda : 0)),
      right,
      4,
    )
    for (const [i, value] of (await floats(after, 'down0')).entries()) expect(value).toBeCloseTo(expected[i]!, 3)
  })

  test('are missed less, with a bias and without, by no parameter more', async () => {
    for (const bias of [false, true]) {
      const model = stack({ bias })
      for (const removed of [[1], [2], [0, 2], [1, 2]]) {
        const { after, pruned } = await repaired(model, removed)
        expect(await error(after, model)).toBeLessThan(0.9 * (await error(pruned, model)))
        expect(after.graph.initializers.map(({ name, shape }) => [name, ...shape])).toEqual(
          pruned.graph.initializers.map(({ name, shape }) => [name, ...shape]),
        )
      }
    }
  })

  test('come back the same from the plan', async () => {
    const model = stack({ bias: true })
    const { step, update, after } = await repaired(model, [1])
    const again = await applyPlan(model, { seed, steps: [step, update] })
    expect(Buffer.from(await modelBytes(again)).equals(Buffer.from(await modelBytes(after)))).toBe(true)
  })

  test('behind something that cannot be fitted are left alone, with the reason', async () => {
    const model = parseText(
      `g (float[N, 4] x) => (float[N, 2] y) <float[4, 4] a = ${listed(numbers(16, 3))}, float[4, 4] b = ${listed(numbers(16, 4))}, float[4, 2] v = ${listed(numbers(8, 5))}>
       { h0 = Relu(x) d0 = MatMul(h0, a) h1 = Add(h0, d0) d1 = MatMul(h1, b) h2 = Add(h1, d1) y = MatMul(h2, v) }`,
    )
    const step = await without(model, [0])
    const pruned = await applyPlan(model, { seed, steps: [step] })
    const own: Data = { x: { data: Float32Array.from(numbers(40, 0.7)), shape: [10, 4] } }
    const { step: update } = await repair(model, pruned, { steps: [step], seed, forward: inOneBatch(own) })
    expect(update.notes).toContain(
      "nothing takes the place of the blocks that were removed behind 'h0': 'h0' before it is no sum in which a layer stands that can be fitted",
    )
  })
})
