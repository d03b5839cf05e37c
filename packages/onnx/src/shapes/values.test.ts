import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { InferenceSession } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { readAll } from '../bytes/payload.js'
import { valuesOf } from '../bytes/values.js'
import { readModel } from '../files/open.js'
import { modelBytes } from '../files/write.js'
import { editGraph, editModel, editTensor } from '../graph/edit.js'
import { makeValueInfo } from '../graph/make.js'
import type { Model, Tensor } from '../model.js'
import { corpusModels, withoutCorpus } from '../python.test.support.js'
import { parseText } from '../text/text.js'
import { inferShapes } from './shapes.js'

/** What is inferred of `text`, and what ONNX Runtime computes: names whose elements differ. */
async function differing(model: Model): Promise<{ known: Set<string>; wrong: unknown[] }> {
  const { values, shapes } = await inferShapes(model)
  const names = model.graph.nodes.flatMap(({ outputs }) => outputs.filter((name) => values.has(name)))
  const exposed = editModel(model, {
    graph: editGraph(model.graph, { outputs: names.map((name) => makeValueInfo({ name })) }),
  })
  const session = await InferenceSession.create(await modelBytes(exposed), {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  })
  const run = await session.run({})
  await session.release()
  const wrong = names.flatMap((name) => {
    const [theirs, ours] = [run[name]!, values.get(name)!]
    const numbers = Array.from(theirs.data as ArrayLike<number>, Number)
    const isEqual =
      theirs.dims.join() === shapes.get(name)!.join() && numbers.join() === ours.numbers.join() && theirs.type === ours.type
    return isEqual ? [] : [{ name, ours, theirs: { type: theirs.type, dims: theirs.dims, numbers } }]
  })
  return { known: new Set(names), wrong }
}

const CONSTANTS = `int64[2, 3] a = {3, -1, 4, 1, -5, 9}, int64[3] b = {2, 7, 1}, int64[2] c = {2, -3}, float[2, 3] f = {0.5, 1.5, 2.5, -0.5, 7.3, 9},
  int64[8] p = {0, 0, 1, 2, 0, 0, 3, 4}, int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] last = {-1}, int64[1] least = {-9223372036854775807},
  int64[1] most = {9223372036854775807}, int64[2] pair = {-1, 2}, int64 s0 = {0}, int64 s1 = {1}, int64 s5 = {5}, int64 sm2 = {-2}, int64[2, 2] nd = {0, 2, 1, -1},
  int64[2, 1] rows = {1, 0}, int64[2] u = {70, 80}, int64[2, 3] idx = {1, 0, -1, 0, 1, 0}, bool[2, 3] m = {1, 0, 1, 0, 0, 1}, int64[2] tiles = {2, 2}, int64[3] ex = {2, 2, 3},
  int64[4] pads = {1, 0, 0, 1}, int64[2] onoff = {5, 9}, int64 depth = {4}, int64[1] axes = {1}, float[3] g = {1, 2, 0.3}, int64[2, 3] more = {10, 20, 30, 40, 50, 60}`

describe('elements are those that ONNX Runtime computes', () => {
  test.each<[string, string]>([
    [
      'pads of torch: pairs, turned round',
      'r = Reshape(p, pair)\n s = Slice(r, last, least, zero, last)\n t = Transpose<perm = [1, 0]>(s)\n q = Reshape(t, last)\n y = Cast<to = 7>(q)',
    ],
    [
      'Slice of two axes, backwards',
      's = Slice(a, pair2, ends, both, steps)\n pair2 = Constant<value = int64[2] {-1, 0}>()\n ends = Constant<value = int64[2] {-9, 9}>()\n both = Constant<value = int64[2] {1, 0}>()\n steps = Constant<value = int64[2] {-2, 1}>()\n y = Identity(s)',
    ],
    ['Concat along the last axis', 'y = Concat<axis = -1>(a, idx)'],
    ['Concat along the first axis', 'y = Concat<axis = 0>(a, idx)'],
    ['Split along the last axis', 'x, y = Split<axis = 1>(a, parts)\n parts = Constant<value = int64[2] {1, 2}>()'],
    ['Gather along an axis in the middle', 'y = Gather<axis = 1>(a, nd)'],
    ['Gather of a row', 'y = Gather(a, s1)'],
    ['GatherElements', 'y = GatherElements(a, idx)'],
    ['GatherND', 'y = GatherND(a, nd)'],
    ['GatherND of rows', 'y = GatherND(a, rows)'],
    ['GatherND in batches', 'y = GatherND<batch_dims = 1>(a, rows)'],
    ['ScatterND', 'y = ScatterND(a, nd, u)'],
    ['ScatterND of rows, added', 'y = ScatterND<reduction = "add">(a, rows, more)'],
    ['ScatterElements', 'y = ScatterElements(a, idx, more)'],
    ['ScatterElements along the last axis, multiplied', 'y = ScatterElements<axis = 1, reduction = "mul">(a, idx, more)'],
    ['Expand', 'y = Expand(b, ex)'],
    ['Tile', 'y = Tile(a, tiles)'],
    ...['constant', 'edge', 'reflect', 'wrap'].map((mode): [string, string] => [
      `Pad, ${mode}`,
      `y = Pad<mode = "${mode}">(a, pads)`,
    ]),
    ['Pad with a value', 'y = Pad(a, pads, s5)'],
    ['Where', 'y = Where(m, a, b)'],
    ['Range downwards', 'y = Range(s5, s0, sm2)'],
    ['ConstantOfShape', 'y = ConstantOfShape<value = int64[1] {7}>(b)'],
    ['OneHot', 'y = OneHot(b, depth, onoff)'],
    ['OneHot along the first axis', 'y = OneHot<axis = 0>(a, depth, onoff)'],
    ['NonZero', 'y = NonZero(m)'],
    ['CumSum', 'y = CumSum(a, s1)'],
    ['CumSum backwards, without itself', 'y = CumSum<reverse = 1, exclusive = 1>(a, s0)'],
    ['Trilu', 'y = Trilu(a)\n z = Trilu<upper = 0>(a, s1)'],
    ...['ReduceSum', 'ReduceProd', 'ReduceMax', 'ReduceMin'].map((op): [string, string] => [
      op,
      `y = ${op}<keepdims = 0>(a, axes)\n z = ${op}(a, zero)\n x = ${op}(a)`,
    ]),
    ['Mod, as Python has it', 'y = Mod(a, b)'],
    ['Mod, as C has it', 'y = Mod<fmod = 1>(a, b)'],
    ['Div of whole numbers', 'y = Div(a, b)'],
    ['Div of floats', 'y = Div(f, g)'],
    ['Min, Max and Sum', 'x = Min(a, b)\n z = Max(a, b, idx)\n y = Sum(f, g)'],
    ['comparisons', 'p1 = Less(a, b)\n q = GreaterOrEqual(a, b)\n r = And(p1, q)\n s = Or(p1, q)\n t = Not(s)\n y = Equal(a, b)'],
    ['Round to even, Floor and Ceil', 'x = Round(f)\n z = Floor(f)\n y = Ceil(f)'],
    ['Sqrt, Pow, Clip and Sign', 'q = Abs(f)\n x = Sqrt(q)\n w = Pow(f, two)\n z = Clip(a, s0, s5)\n y = Sign(f)'],
    ['Cast to whole numbers and back', 'x = Cast<to = 7>(f)\n z = Cast<to = 9>(f)\n y = Cast<to = 1>(a)'],
    ['a window of torch.roll', 's = Slice(a, one, most, axes)\n t = Slice(a, zero, one, axes)\n y = Concat<axis = 1>(s, t)'],
  ])('%s', async (_, nodes) => {
    const used = CONSTANTS.split(/,\s+(?=int64|bool|float)/).filter((text) =>
      new RegExp(`[(, ]${/ (\w+) =/.exec(text)![1]}[,)]`).test(nodes),
    )
    const model = parseText(`<ir_version: 10, opset_import: ["" : 21]> m () => (y) <${used.join(', ')}> { ${sorted(nodes)} }`)
    const { known, wrong } = await differing(model)
    expect(wrong).toEqual([])
    expect([...known]).toContain('y')
  })
})

/** Constants first. */
function sorted(nodes: string): string {
  const lines = nodes.split('\n')
  return [...lines.filter((line) => line.includes('Constant<')), ...lines.filter((line) => !line.includes('Constant<'))].join(
    '\n',
  )
}

describe.skipIf(withoutCorpus)("cases of ONNX's operators in libonnx-testdata", () => {
  test('have the elements that stand there, wherever they are inferred', async () => {
    const wrong: unknown[] = []
    const operators = new Map<string, number>()
    for (const path of corpusModels()) {
      const folder = join(path, '..', 'test_data_set_0')
      const model = existsSync(folder) ? await withInputs(path, folder) : undefined
      if (model === undefined) continue
      const { values, shapes } = await inferShapes(model)
      for (const [i, { name }] of model.graph.outputs.entries()) {
        const value = values.get(name)
        const expected = value && (await tensorOf(join(folder, `output_${i}.pb`)))
        if (value === undefined || expected === undefined) continue
        const numbers = await numbersOf(expected)
        const isEqual =
          shapes.get(name)!.join() === expected.shape.join() &&
          value.numbers.length === numbers.length &&
          value.numbers.every(
            (number, at) => Object.is(number, numbers[at]) || Math.abs(number - numbers[at]!) <= 1e-6 * Math.abs(number),
          )
        const op = model.graph.nodes.find(({ outputs }) => outputs.includes(name))?.op ?? ''
        if (isEqual) operators.set(op, (operators.get(op) ?? 0) + 1)
        else wrong.push([path.split('/').at(-2), op, value.numbers.slice(0, 9), numbers.slice(0, 9), expected.shape])
      }
    }
    expect(wrong).toEqual([])
    const covered =
      'Gather GatherND GatherElements ScatterND ScatterElements Where Transpose Concat CumSum Trilu NonZero OneHot Range Expand Reshape'
    expect(covered.split(' ').filter((op) => !operators.has(op))).toEqual([])
  })
})

/** The case's model with its inputs as constants. Undefined where they are not what it takes: old cases hold the bits of bfloat16 as uint16. */
async function withInputs(path: string, folder: string): Promise<Model | undefined> {
  const model = await readModel(readFileSync(path))
  const files = readdirSync(folder).filter((name) => name.startsWith('input_'))
  const tensors: Tensor[] = []
  for (let i = 0; i < files.length; i++) {
    const [tensor, input] = [await tensorOf(join(folder, `input_${i}.pb`)), model.graph.inputs[i]]
    if (tensor === undefined || tensor.type !== input?.type) return undefined
    tensors.push(editTensor(tensor, { name: input.name }))
  }
  return editModel(model, { graph: editGraph(model.graph, { initializers: tensors }) })
}

/** A TensorProto on its own, read as the initializer (field 5) of the graph (field 7) of a model. Undefined: it is another message, or no numbers. */
async function tensorOf(path: string): Promise<Tensor | undefined> {
  const model = await readModel(field(7, field(5, readFileSync(path)))).catch(() => undefined)
  const tensor = model?.graph.initializers[0]
  return tensor?.type === 'string' ? undefined : tensor
}

async function numbersOf(tensor: Tensor): Promise<number[]> {
  return Array.from(valuesOf(tensor.type, await readAll(tensor.data)), Number)
}

function field(number: number, bytes: Uint8Array): Uint8Array {
  const length: number[] = []
  for (let rest = bytes.length; ; rest = Math.floor(rest / 128)) {
    length.push(rest >= 128 ? (rest % 128) + 128 : rest)
    if (rest < 128) break
  }
  return Buffer.concat([Uint8Array.of(number * 8 + 2, ...length), bytes])
}
