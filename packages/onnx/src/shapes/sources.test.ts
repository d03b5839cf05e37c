import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { modelBytes } from '../files/write.js'
import type { Model } from '../model.js'
import { parseText } from '../text/text.js'
import { type ElementSources, sourcesOf } from './sources.js'

// Whatever is said of where elements come from is compared with ONNX Runtime: another number in one element of one input changes the outputs that name it, and no others.

interface Made {
  readonly model: Model
  /** Of the inputs that are fed, by position. */
  readonly fed: ReadonlyMap<string, readonly number[]>
  readonly shapes: ReadonlyMap<string, readonly number[]>
}

async function run({ model, fed, shapes }: Made): Promise<Record<string, { dims: readonly number[]; numbers: number[] }>> {
  const session = await InferenceSession.create(await modelBytes(model), { logSeverityLevel: 4 })
  const feeds = Object.fromEntries(
    [...fed].map(([name, numbers]) => [name, new OrtTensor('int64', BigInt64Array.from(numbers, BigInt), shapes.get(name)!)]),
  )
  const results = await session.run(feeds)
  await session.release()
  return Object.fromEntries(
    Object.entries(results).map(([name, { dims, data }]) => [name, { dims, numbers: Array.from(data as BigInt64Array, Number) }]),
  )
}

const CONSTANTS = `int64[1] last = {-1}, int64[1] least = {-99}, int64[1] zero = {0}, int64[1] one = {1}, int64[2, 1] rows = {1, 0}, int64[2, 3] idx = {1, 0, -1, 0, 1, 0},
  int64[2] six = {3, -1}, int64[3] wide = {2, 2, 3}, int64[2] twice = {1, 2}, int64[4] pads = {1, 0, 0, 2}, int64[2] parts = {1, 2}, bool[2, 3] some = {1, 0, 1, 0, 0, 1}, int64[2, 2] nd = {0, 2, 1, -1}`

describe('elements come from where they are said to come from', () => {
  test.each<[string, string, boolean]>([
    ['Reshape', 'y = Reshape(a, six)', true],
    ['Transpose', 'y = Transpose(a)', true],
    ['Slice', 'y = Slice(a, last, least, one, last)', true],
    ['Concat', 'y = Concat<axis = 1>(a, b)', true],
    ['Gather', 'y = Gather<axis = 1>(a, rows)', true],
    ['GatherElements', 'y = GatherElements(a, idx)', true],
    ['GatherND', 'y = GatherND(a, nd)', true],
    ['ScatterND', 'y = ScatterND(a, rows, b)', true],
    ['ScatterElements', 'y = ScatterElements(a, idx, b)', true],
    ['Expand', 'y = Expand(a, wide)', true],
    ['Tile', 'y = Tile(a, twice)', true],
    ['Split', 'y, z = Split<axis = 1>(a, parts)', true],
    ['Trilu', 'y = Trilu(a)', true],
    ['Pad', 'y = Pad(a, pads)', true],
    ['Where', 'y = Where(some, a, b)', true],
    ['Add', 'y = Add(a, c)', false],
    ['Max', 'y = Max(a, b, c)', false],
    ['ReduceSum', 'y = ReduceSum(a, one)', false],
    ['CumSum', 'y = CumSum(a, zero)', false],
  ])('%s', async (op, nodes, isMoved) => {
    const named = (name: string) => new RegExp(`[(, ]${name}[,)]`).test(nodes)
    const constants = CONSTANTS.split(/,\s+(?=int64|bool)/).filter((text) => named(/ (\w+) =/.exec(text)![1]!))
    const shapes = new Map(
      [
        ['a', [2, 3]],
        ['b', [2, 3]],
        ['c', [3]],
      ].filter(([name]) => named(name as string)) as [string, number[]][],
    )
    const inputs = [...shapes].map(([name, shape]) => `int64[${shape}] ${name}`)
    const outputs = op === 'Split' ? 'y, z' : 'y'
    const opset = '<ir_version: 10, opset_import: ["" : 21]>'
    const model = parseText(`${opset} m (${inputs.join(', ')}) => (${outputs}) <${constants.join(', ')}> { ${nodes} }`)
    const fed = new Map(
      [...shapes].map(([name, shape], i) => [
        name,
        Array.from({ length: shape.reduce((x, y) => x * y) }, (_, k) => 10 * (i + 1) + k),
      ]),
    )
    const before = await run({ model, fed, shapes })
    const node = model.graph.nodes[0]!
    const tensors = new Map(model.graph.initializers.map((tensor) => [tensor.name, tensor.shape]))
    const sources = sourcesOf(node, {
      opset: 21,
      shape: (input) => shapes.get(node.inputs[input] ?? '') ?? tensors.get(node.inputs[input] ?? ''),
      outputShape: (output) => before[node.outputs[output]!]!.dims,
      numbers: (input) => numbersIn(constants, node.inputs[input] ?? ''),
    })
    expect(sources?.isMoved).toBe(isMoved)
    for (const [name, numbers] of fed)
      for (const element of numbers.keys()) {
        const after = await run({ model, fed: new Map([...fed, [name, numbers.with(element, 1000 + element)]]), shapes })
        const input = node.inputs.indexOf(name)
        for (const [k, output] of node.outputs.entries())
          expectToFollow(sources!, { k, input, element, before: before[output]!.numbers, after: after[output]!.numbers })
      }
  })

  test('what computes in another way, and what is large, is not followed', () => {
    const shape = (size: number) => ({ opset: 21, shape: () => [size], outputShape: () => [size], numbers: () => undefined })
    const node = (op: string) => parseText(`m (int64[2] a) => (y) { y = ${op}(a) }`).graph.nodes[0]!
    expect(sourcesOf(node('Softmax'), shape(2))).toBeUndefined()
    expect(sourcesOf(node('Neg'), shape(5000))).toBeUndefined()
    expect(sourcesOf(node('Neg'), shape(2))?.outputs).toEqual([[[{ input: 0, element: 0 }], [{ input: 0, element: 1 }]]])
  })
})

interface Changed {
  readonly k: number
  readonly input: number
  readonly element: number
  readonly before: readonly number[]
  readonly after: readonly number[]
}

function expectToFollow({ isMoved, outputs }: ElementSources, { k, input, element, before, after }: Changed): void {
  for (const [at, sources] of outputs[k]!.entries()) {
    const isNamed = sources.some((source) => source.input === input && source.element === element)
    if (!isNamed) expect([at, after[at]]).toEqual([at, before[at]])
    if (isNamed && isMoved) expect([at, after[at]]).toEqual([at, 1000 + element])
  }
}

function numbersIn(constants: readonly string[], name: string): readonly number[] | undefined {
  const text = constants.find((each) => each.includes(` ${name} =`))
  return text === undefined ? undefined : /\{(.*)\}/.exec(text)![1]!.split(',').map(Number)
}
