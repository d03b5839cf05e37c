import { join } from 'node:path'
import { applyPlan, gatePlan, makePlan, type Structure } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { type Difference, loadRuntime } from '@pare/evaluate'
import {
  bytesOf,
  editGraph,
  editModel,
  editTensor,
  elementCount,
  type Model,
  type ModelFile,
  makePayload,
  openModel,
  parseText,
  readAll,
  type Tensor,
  valuesOf,
} from '@pare/onnx'
import { channel } from '@pare/structure-channel'
import { head } from '@pare/structure-head'
import { hidden } from '@pare/structure-hidden'
import { neuron } from '@pare/structure-neuron'
import { afterAll, expect, it } from 'vitest'
// Of the job itself: a process for each of hundreds of comparisons takes ten times as long as they do.
import { compare } from '../../../evaluate/dist/measure/compare.js'
import { silence } from '../terminal/progress.js'
import { TEST_MODELS } from '../testing/folder.js'
import { compared } from './prove.js'

const TOLERANCE = 1e-4
const runtime = loadRuntime()

const seeded =
  (seed: number) =>
  (elements: number, scale = 1) =>
    Array.from({ length: elements }, (_, i) => (scale * Math.sin((i + 1) * (i + seed) * 0.7 + seed)).toFixed(4)).join(', ')
const values = seeded(3)

/** Two convolutions with BatchNormalization; `end` makes y of z, [N, 6, 16, 16]. */
const pictures = (end: string) =>
  parseText(`g (float[N, 3, 16, 16] x) => (float[N, 6, 16, 16] y)
    <float[8, 3, 3, 3] v = {${values(216, 0.3)}}, float[8] vb = {${values(8)}}, float[8] gamma = {${values(8)}}, float[8] beta = {${values(8)}},
     float[8] mean = {${values(8, 0.3)}}, float[8] variance = {1, 2, 1.5, 0.7, 1, 2, 1, 1.2}, float[6, 8, 3, 3] w = {${values(432, 0.3)}}, float[6] wb = {${values(6)}}>
    { c = Conv<pads = [1, 1, 1, 1]>(x, v, vb)\n n = BatchNormalization(c, gamma, beta, mean, variance)\n r = Relu(n)
      z = Conv<pads = [1, 1, 1, 1]>(r, w, wb)\n ${end} }`)

/** Outputs near 0 and 1 alone; peaks that are found among rounding. */
const saturated = pictures('k = Constant<value = float {-40.0}>()\n m = Add(z, k)\n y = Sigmoid(m)')
const peaks = pictures(
  's = Sigmoid(z)\n p = MaxPool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(s)\n e = Equal(p, s)\n f = Cast<to = 1>(e)\n y = Mul(s, f)',
)
interface Case {
  readonly name: string
  readonly model: () => Promise<Model>
  readonly structure: Structure
  readonly ratio: number
  /** Elements of a unit, along the axes that are cut. Default: 1 */
  readonly width?: number
}

const files: ModelFile[] = []
afterAll(() => Promise.all(files.map((file) => file[Symbol.asyncDispose]())))

const stored = (name: string) => async () => {
  const file = await openModel(join(TEST_MODELS, name))
  files.push(file)
  return file.model
}
const CASES: readonly Case[] = [
  { name: 'saturated', model: async () => saturated, structure: channel(), ratio: 0.5 },
  { name: 'peaks', model: async () => peaks, structure: channel(), ratio: 0.25 },
  { name: 'mlp', model: stored('mlp-digits.onnx'), structure: neuron(), ratio: 0.1 },
  { name: 'resnet', model: stored('mnist-resnet20-bn.onnx'), structure: channel(), ratio: 0.25 },
  { name: 'mobilenet', model: stored('mnist-mobilenet-folded.onnx'), structure: channel(), ratio: 0.5 },
  { name: 'bert heads', model: stored('kjv-bert.onnx'), structure: head(), ratio: 0.25, width: 32 },
  { name: 'bert width', model: stored('kjv-bert.onnx'), structure: hidden(), ratio: 0.25 },
]

/** Over all models. */
const refused: string[] = []

it.each(CASES)('$name: a right cut passes, and every damaged one is refused', async ({
  model: open,
  structure,
  ratio,
  width = 1,
}) => {
  const model = await open()
  const { steps } = await makePlan(model, [{ structure, criterion: magnitude(), target: { ratio } }], { seed: 1 })
  const [step] = steps
  if (step?.kind !== 'cut') throw new Error('no cut')
  const right = await applyPlan(model, { seed: 1, steps })
  const expected = await gatePlan(model, step)
  const judge = (other: Model): Promise<Difference> =>
    compared(expected, other, TOLERANCE, {
      label: 'damaged',
      step: 'cut',
      engine: {},
      progress: silence,
      signal: new AbortController().signal,
      compare: (request) => compare(runtime, request),
    })
  expect((await judge(right)).relative).toBeLessThan(TOLERANCE)
  const passed: string[] = []
  for (const { what, model: damaged } of await damages(model, right, width)) {
    if ((await judge(damaged)).relative <= TOLERANCE) passed.push(what)
    else refused.push(what)
  }
  expect(passed).toEqual([])
}, 300_000)

it('that were a hundred damages and more', () => {
  expect(refused.length).toBeGreaterThanOrEqual(100)
})

/** Ways in which a cut goes wrong, on some of the tensors that it made smaller. */
async function damages(
  before: Model,
  after: Model,
  width: number,
): Promise<readonly { readonly what: string; readonly model: Model }[]> {
  const whole = new Map(before.graph.initializers.map((tensor) => [tensor.name, tensor]))
  const cut = after.graph.initializers.filter((tensor) => {
    const old = whole.get(tensor.name)
    // A bias of keys adds the same to all scores of a query, and Softmax takes it out: nothing is damaged without it.
    if (/key\.bias/.test(tensor.name)) return false
    return (
      tensor.type === 'float32' && old !== undefined && old.shape.join() !== tensor.shape.join() && elementCount(tensor.shape) > 0
    )
  })
  const examples: { what: string; model: Model }[] = []
  for (const tensor of spread(cut, 5)) {
    const old = whole.get(tensor.name)!
    const axis = tensor.shape.findIndex((size, i) => size !== old.shape[i])
    const [now, then] = [Float32Array.from(await numbers(tensor)), await numbers(old)]
    for (const [kind, damage] of Object.entries(DAMAGES)) {
      const damaged = damage(now, { axis, shape: tensor.shape, then, wholeShape: old.shape, width })
      if (isNearly(now, damaged)) continue
      examples.push({ what: `${kind} of '${tensor.name}'`, model: withTensor(after, tensor, damaged) })
    }
  }
  return examples
}

/** A small change of one number may change outputs by less than the tolerance: biases that are nearly equal, swapped. */
function isNearly(now: Float32Array, damaged: Float32Array): boolean {
  const largest = now.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return damaged.every((value, i) => Math.abs(value - now[i]!) < 0.1 * largest)
}

interface Place {
  readonly axis: number
  readonly shape: readonly number[]
  readonly then: ArrayLike<number>
  readonly wholeShape: readonly number[]
  readonly width: number
}

const DAMAGES: Readonly<Record<string, (now: Float32Array, place: Place) => Float32Array>> = {
  'every index one too far': (now, place) => moved(now, place, (unit, units) => (unit + 1) % units),
  'two units swapped': (now, place) =>
    moved(now, place, (unit, units) => (unit === 0 ? units - 1 : unit === units - 1 ? 0 : unit)),
  'the first units instead of the kept ones': (now, place) => taken(now, place),
  'one unit forgotten': (now, { axis, shape, width }) => now.map((value, i) => (unitOf(i, shape, axis) < width ? 0 : value)),
}

/** A unit of the result is the one that `from` says. */
function moved(now: Float32Array, { axis, shape, width }: Place, from: (unit: number, units: number) => number): Float32Array {
  const stride = strideOf(shape, axis)
  return now.map((_, i) => {
    const unit = Math.floor(unitOf(i, shape, axis) / width)
    return now[i + (from(unit, shape[axis]! / width) - unit) * width * stride]!
  })
}

function taken(now: Float32Array, { axis, shape, then, wholeShape }: Place): Float32Array {
  // Only where nothing but this axis is shorter.
  if (wholeShape.some((size, i) => i !== axis && size !== shape[i])) return now
  const [stride, size, before] = [strideOf(shape, axis), shape[axis]!, wholeShape[axis]!]
  return now.map((_, i) => {
    const outer = Math.floor(i / (stride * size))
    return then[outer * stride * before + (i % (stride * size))]!
  })
}

const strideOf = (shape: readonly number[], axis: number) => shape.slice(axis + 1).reduce((product, size) => product * size, 1)
const unitOf = (i: number, shape: readonly number[], axis: number) => Math.floor(i / strideOf(shape, axis)) % shape[axis]!

/** Some of a list, evenly. */
function spread<Item>(items: readonly Item[], most: number): readonly Item[] {
  return items.length <= most ? items : Array.from({ length: most }, (_, i) => items[Math.floor((i * items.length) / most)]!)
}

async function numbers(tensor: Tensor): Promise<ArrayLike<number>> {
  return valuesOf(tensor.type, await readAll(tensor.data)) as ArrayLike<number>
}

function withTensor(model: Model, tensor: Tensor, damaged: Float32Array): Model {
  const data = makePayload(bytesOf('float32', damaged))
  const initializers = model.graph.initializers.map((each) => (each === tensor ? editTensor(tensor, { data }) : each))
  return editModel(model, { graph: editGraph(model.graph, { initializers }) })
}
