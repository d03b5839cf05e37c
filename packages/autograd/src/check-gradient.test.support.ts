import {
  editGraph,
  editModel,
  inferShapes,
  type Model,
  makeNode,
  makeTensor,
  makeValueInfo,
  type Node,
  parseText,
  type Tensor,
} from '@pare/onnx'
import { type Array64, count, filled } from './evaluate64/array.test.support.js'
import { evaluator, type Feeds } from './evaluate64/evaluate.test.support.js'
import { runtime } from './evaluate64/onnxruntime.test.support.js'
import { gradient } from './gradient.js'

export interface GradientCheck {
  /** A model, or its text. */
  readonly model: Model | string
  /** One set of inputs, or several that the same graph of gradients must serve. */
  readonly inputs: Feeds | readonly Feeds[]
  /** Names of inputs. */
  readonly wrt: readonly string[]
  /** Elements of each tensor that are compared, spread over it. Default: 12 */
  readonly elements?: number
  /** What the float64 evaluator runs, where that is another model than the one differentiated: outputs of both must be the same. */
  readonly oracle?: Model
  /** As in GradientOptions. */
  readonly channelBlock?: number
}

/**
 * Runs the graph of gradients of Σ c · y + ½ Σ x² over all float outputs y and all x of `wrt`, c fixed and different from element to element, in ONNX Runtime, and
 * compares with central differences of the forward graph in float64. The square is a second use of each x. Returns how many elements were compared. Throws
 * where one is off by more than 2e-4 of itself and 2e-5 of the largest, and where outputs of the two differ.
 */
export async function checkGradient({
  model,
  inputs,
  wrt,
  elements = 12,
  oracle,
  channelBlock = 0,
}: GradientCheck): Promise<number> {
  const forward = typeof model === 'string' ? parseText(model) : model
  const loss = await withTestLoss(forward, wrt)
  const backward = await gradient(loss, { of: 'test/loss', wrt, channelBlock })
  const run = await runtime(backward.model)
  const evaluate = await evaluator(oracle === undefined ? loss : await withTestLoss(oracle, wrt))
  const runOriginal = oracle === undefined ? undefined : await runtime(forward)
  let compared = 0
  for (const feeds of Array.isArray(inputs) ? (inputs as readonly Feeds[]) : [inputs as Feeds]) {
    const outputs = await run(feeds)
    const exact = evaluate(feeds)
    const original = await runOriginal?.(feeds)
    for (const [name, value] of original ?? []) expectSame(`${name} of the model itself`, value, exact.get(name)!)
    for (const { name } of [...forward.graph.outputs, { name: 'test/loss' }])
      expectSame(name, outputs.get(name)!, exact.get(name)!)
    for (const name of wrt) {
      const result = outputs.get(backward.gradients.get(name) ?? '')
      if (result === undefined) throw new Error(`no gradient of '${name}': ${backward.frozen.get(name)}`)
      const slope = (element: number) => centralDifference(evaluate, feeds, name, element)
      compared += expectSlopes(name, result, { x: feeds[name]!, slope, elements })
    }
  }
  return compared
}

async function withTestLoss(model: Model, wrt: readonly string[]): Promise<Model> {
  const { graph } = model
  const outputs = graph.outputs.filter(({ type }) => type === undefined || type === 'float32').map(({ name }) => name)
  const weights = (model.opsets.get('') ?? 1) < 11 ? await storedWeights(model, outputs) : []
  const counted = weights.length > 0 ? [] : outputs.flatMap((name, i) => countedWeights(name, `test/${i}`))
  const products = outputs.flatMap((name, i) => product(name, `test/${i}`))
  const squares = wrt.flatMap((name, i) => squared(name, `test/x${i}`))
  const terms = [...outputs.map((_, i) => `test/${i}/sum`), ...wrt.map((_, i) => `test/x${i}/sum`)]
  const sum = makeNode({ op: 'Sum', inputs: terms, outputs: ['test/loss'] })
  const declared = [...graph.outputs.map(({ name }) => name), 'test/loss'].map((name) => makeValueInfo({ name }))
  return editModel(model, {
    graph: editGraph(graph, {
      nodes: [...graph.nodes, ...counted, ...products, ...squares, sum],
      outputs: declared,
      initializers: [...graph.initializers, ...CONSTANTS, ...weights],
    }),
  })
}

const CONSTANTS = [
  makeTensor({ name: 'test/zero', type: 'int64', shape: [], values: [0] }),
  makeTensor({ name: 'test/one', type: 'int64', shape: [], values: [1] }),
  makeTensor({ name: 'test/seven', type: 'int64', shape: [], values: [7] }),
  makeTensor({ name: 'test/eleven', type: 'int64', shape: [], values: [11] }),
  makeTensor({ name: 'test/shift', type: 'float32', shape: [], values: [4.75] }),
  makeTensor({ name: 'test/scale', type: 'float32', shape: [], values: [0.25] }),
  makeTensor({ name: 'test/half', type: 'float32', shape: [], values: [0.5] }),
]

/** c = ((7 i mod 11) − 4.75) ÷ 4 at the i-th element. */
function countedWeights(y: string, at: string): Node[] {
  const node = (op: string, inputs: readonly string[], output: string, attributes = {}) =>
    makeNode({ op, inputs, outputs: [`${at}/${output}`], attributes })
  return [
    node('Size', [y], 'size'),
    node('Range', ['test/zero', `${at}/size`, 'test/one'], 'i'),
    node('Mul', [`${at}/i`, 'test/seven'], 'sevenfold'),
    node('Mod', [`${at}/sevenfold`, 'test/eleven'], 'rest'),
    node('Cast', [`${at}/rest`], 'float', { to: 1n }),
    node('Sub', [`${at}/float`, 'test/shift'], 'shifted'),
    node('Mul', [`${at}/shifted`, 'test/scale'], 'line'),
    node('Shape', [y], 'shape'),
    node('Reshape', [`${at}/line`, `${at}/shape`], 'c'),
  ]
}

/** The same as constants, for operator sets without Range: sizes must be static. */
async function storedWeights(model: Model, outputs: readonly string[]): Promise<Tensor[]> {
  const { shapes } = await inferShapes(model)
  return outputs.map((name, i) => {
    const shape = shapes.get(name)!
    const values = Array.from({ length: count(shape) }, (_, element) => (((7 * element) % 11) - 4.75) / 4)
    return makeTensor({ name: `test/${i}/c`, type: 'float32', shape, values })
  })
}

/** Σ c · y */
function product(y: string, at: string): Node[] {
  return [
    makeNode({ op: 'Mul', inputs: [y, `${at}/c`], outputs: [`${at}/product`] }),
    makeNode({ op: 'ReduceSum', inputs: [`${at}/product`], outputs: [`${at}/sum`], attributes: { keepdims: 0n } }),
  ]
}

/** ½ Σ x² */
function squared(x: string, at: string): Node[] {
  return [
    makeNode({ op: 'Mul', inputs: [x, x], outputs: [`${at}/square`] }),
    makeNode({ op: 'Mul', inputs: [`${at}/square`, 'test/half'], outputs: [`${at}/half`] }),
    makeNode({ op: 'ReduceSum', inputs: [`${at}/half`], outputs: [`${at}/sum`], attributes: { keepdims: 0n } }),
  ]
}

/** (f(x + h) − f(x − h)) ÷ 2h in one element, h = 1e-5. */
function centralDifference(
  evaluate: (feeds: Feeds) => Map<string, Array64>,
  feeds: Feeds,
  name: string,
  element: number,
): number {
  const h = 1e-5
  const lossAt = (shift: number): number => {
    const x = feeds[name]!
    const data = x.data.slice()
    data[element]! += shift
    return evaluate({ ...feeds, [name]: { ...x, data } }).get('test/loss')!.data[0]!
  }
  return (lossAt(h) - lossAt(-h)) / (2 * h)
}

interface Slopes {
  readonly x: Array64
  readonly slope: (element: number) => number
  readonly elements: number
}

function expectSlopes(name: string, result: Array64, { x, slope, elements }: Slopes): number {
  if (result.shape.join() !== x.shape.join())
    throw new Error(`the gradient of '${name}' is [${result.shape}], it is [${x.shape}]`)
  const every = Math.max(1, Math.floor(x.data.length / elements))
  const chosen = [...x.data.keys()].filter((i) => i % every === 0)
  const expected = chosen.map(slope)
  const most = expected.reduce((largest, each) => Math.max(largest, Math.abs(each)), 1)
  for (const [i, element] of chosen.entries()) {
    const off = Math.abs(result.data[element]! - expected[i]!)
    if (off <= 2e-4 * Math.abs(expected[i]!) + 2e-5 * most) continue
    const all = chosen.map((each, k) => `${result.data[each]!.toPrecision(5)} (${expected[k]!.toPrecision(5)})`)
    throw new Error(`∂loss/∂${name}[${element}] is ${result.data[element]}, expected ${expected[i]}; all: ${all.join(', ')}`)
  }
  return chosen.length
}

function expectSame(name: string, result: Array64, exact: Array64): void {
  const most = exact.data.reduce((largest, each) => Math.max(largest, Math.abs(each)), 1)
  const far = exact.data.findIndex((each, i) => !(Math.abs(result.data[i]! - each) <= 2e-5 * (most + Math.abs(each))))
  if (result.shape.join() === exact.shape.join() && far < 0) return
  throw new Error(
    `ONNX Runtime gives '${name}' [${result.shape}] ${result.data[far]}, the evaluator [${exact.shape}] ${exact.data[far]}`,
  )
}

/**
 * f32 of this shape between two limits, evenly spaced in an order that depends on the seed. Where the first lies depends on it too: values of tensors with
 * different seeds are not the same, and no kink is within reach of a central difference.
 */
export function spread(shape: readonly number[], { low = -2, high = 2, seed = 1 } = {}): Array64 {
  const total = count(shape)
  const step = (high - low) / (2 * Math.ceil(total / 2))
  const offset = 0.2 + 0.6 * ((seed * 0.6180339887) % 1)
  const order = Array.from({ length: total }, (_, i) => i)
  let state = (seed * 2654435761 + 12345) >>> 0
  for (let i = total - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const other = Math.floor((state / 2 ** 32) * (i + 1))
    ;[order[i], order[other]] = [order[other]!, order[i]!]
  }
  let next = 0
  return filled(shape, () => Math.fround(low + (order[next++]! + offset) * step))
}
