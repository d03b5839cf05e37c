import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bfloat16ToFloat32, editTensor, float32ToBfloat16, makePayload, parseText, readAll, withTensors } from '@pare/onnx'
import { tinyModels } from '@pare/testing'
import { describe, expect, test } from 'vitest'
import {
  safetensors,
  stacked,
  type Table,
  type Tables,
  turned,
  type Workplace,
  type weightsIn,
  workplace,
} from './checkpoint.test.support.js'

/** How a checkpoint has the weights of the decoder. */
type Layout = (weights: Tables) => Tables

/** Layers that the weights are of, counted anew. */
const layersOf = (weights: Tables) => [0, 1].filter((l) => `q${l}` in weights)

function layout(name: (layer: number, kind: string) => string, matrix: (table: Table) => Table): Layout {
  return (weights) => ({
    'model.embed.weight': weights.embed!,
    'model.places.weight': weights.places!,
    ...Object.fromEntries(
      layersOf(weights).flatMap((l, at) =>
        ['n', 'q', 'k', 'v', 'o', 'm', 'up', 'down'].map((kind) => [
          name(at, kind),
          kind === 'n' || kind === 'm' ? weights[`${kind}${l}`]! : matrix(weights[`${kind}${l}`]!),
        ]),
      ),
    ),
    'head.weight': matrix(weights.head!),
  })
}

const inLayers = (l: number, kind: string) => `model.layers.${l}.${kind}.weight`
const linear = layout(inLayers, turned)

/** Queries, keys and values in one, as GPT-NeoX or Phi-3 have them. */
const fused: Layout = (weights) => {
  const tensors = Object.entries(linear(weights)).filter(([name]) => !/\.[qkv]\./.test(name))
  const joined = layersOf(weights).map((l, at) => [
    inLayers(at, 'qkv'),
    stacked(...['q', 'k', 'v'].map((kind) => turned(weights[`${kind}${l}`]!))),
  ])
  return Object.fromEntries([...tensors, ...joined])
}

/** As GPT-2's Conv1D has them: matrices as the model multiplies with them, and queries, keys and values side by side in one. */
const conv1d: Layout = (weights) => {
  const tensors = Object.entries(layout(inLayers, (table) => table)(weights)).filter(([name]) => !/\.[qkv]\./.test(name))
  const joined = layersOf(weights).map((l, at) => [
    inLayers(at, 'c_attn'),
    turned(stacked(...['q', 'k', 'v'].map((kind) => turned(weights[`${kind}${l}`]!)))),
  ])
  return Object.fromEntries([...tensors, ...joined])
}

/** Both layers in one tensor. */
const inPlanes: Layout = (weights) => {
  const tensors = Object.entries(linear(weights)).filter(([name]) => !name.includes('.up.'))
  const planes = layersOf(weights).map((l) => turned(weights[`up${l}`]!))
  const whole = { shape: [planes.length, ...planes[0]!.shape], values: planes.flatMap(({ values }) => values) }
  return { ...Object.fromEntries(tensors), 'model.ups': whole }
}

async function replayed(
  place: Workplace,
  argv: readonly string[],
  layout: Layout,
  dtype: Parameters<typeof safetensors>[1] = 'F32',
) {
  await place.write('tiny/model.safetensors', safetensors(layout(await place.weights('model.onnx')), dtype))
  const planned = await place.run('prune', 'model.onnx', '--no-prove', '--out', 'onnx', ...argv)
  expect(planned.stderr).not.toContain('hint')
  const session = await place.run('replay', 'onnx/model.plan.json', 'tiny', '--model', 'model.onnx', '--no-prove', '--json')
  expect(session.stderr).not.toContain('hint')
  return session.json() as { output: { files: object[]; edits: { key: string }[] }; checkpoint: { tensors: { gone: string[] } } }
}

const cuts = {
  heads: ['--structure', 'head', '--ratio', '0.5'],
  neurons: ['--structure', 'neuron', '--ratio', '0.25', '--uniform'],
  width: ['--structure', 'hidden', '--ratio', '0.25'],
  layers: ['--structure', 'layer', '--ratio', '0.5'],
  zeros: ['--sparsity', '0.5'],
}

describe('a plan goes to a checkpoint as it goes to the model:', () => {
  test.each<[string, Layout, readonly string[]]>([
    ['heads, of matrices that are turned over', linear, cuts.heads],
    ['neurons, of matrices that are turned over', linear, cuts.neurons],
    ['the width, in norms, tables and the head too', linear, cuts.width],
    ['layers, and those behind are counted anew', linear, cuts.layers],
    ['zeros', linear, cuts.zeros],
    ['neurons, of matrices as they are', layout(inLayers, (table) => table), cuts.neurons],
    ['heads, of queries, keys and values in one tensor', fused, cuts.heads],
    ['zeros, of queries, keys and values in one tensor', fused, cuts.zeros],
    ["heads, of GPT-2's Conv1D", conv1d, cuts.heads],
    ["the width, of GPT-2's Conv1D", conv1d, cuts.width],
    ['the width, of a tensor with a matrix for each layer', inPlanes, cuts.width],
    ['other neurons of each, of a tensor with a matrix for each layer', inPlanes, cuts.neurons],
    ['zeros, of a tensor with a matrix for each layer', inPlanes, cuts.zeros],
  ])('%s', async (_, layout, argv) => {
    await using place = await workplace()
    await replayed(place, argv, layout)
    const expected = layout(await place.weights('onnx/model.onnx'))
    const { tables, metadata } = await place.read('pare-out/tiny/model.safetensors')
    expect(tables).toEqual(expected)
    expect(metadata).toEqual({ format: 'pt' })
  })

  test('numbers that were computed, and what goes beside the weights', async () => {
    const model = parseText(
      `net (float[N, 8] x) => (float[N, 4] y) <float[8, 12] up, float[12] b = {1,2,3,4,5,6,7,8,9,10,11,12}, float[12, 4] down>
       { u = MatMul(x, up) s = Add(u, b) r = Relu(s) y = MatMul(r, down) }`,
      { up: noise(96, 1), down: noise(48, 2) },
    )
    await using place = await workplace(model)
    const rows = Array.from(noise(8 * 64, 3))
    const csv = [...'abcdefgh'].join() + rows.map((value, i) => (i % 8 === 0 ? '\n' : ',') + value).join('')
    await place.write('data.csv', csv)
    const layout: Layout = ({ up, b, down }) => ({
      'fc.up.weight': turned(up!),
      'fc.up.bias': b!,
      'fc.down.weight': turned(down!),
    })
    await replayed(place, ['--structure', 'neuron', '--ratio', '0.5', '--calibrate', 'data.csv', '--recover', 'repair'], layout)
    const pruned = await place.weights('onnx/model.onnx')
    const before = await place.weights('model.onnx')
    // Repair changed what reads the neurons: otherwise this shows nothing.
    expect(pruned.down!.values.every((value) => before.down!.values.includes(value))).toBe(false)
    expect((await place.read('pare-out/tiny/model.safetensors')).tables).toEqual(layout(pruned))
    expect((await readdir(join(place.path, 'pare-out/tiny'))).sort()).toEqual([
      ...['README.md', 'config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'],
    ])
  })

  test('zeros, of a matrix for each expert that the model has in one tensor', async () => {
    const text = 'net (float[2, N, 4] x) => (float[2, N, 6] y) <float[2, 4, 6] w> { y = MatMul(x, w) }'
    await using place = await workplace(parseText(text, { w: noise(48, 6) }))
    const layout: Layout = ({ w }) => {
      const plane = (at: number) => turned({ shape: [4, 6], values: w!.values.slice(24 * at, 24 * at + 24) })
      return { 'experts.0.weight': plane(0), 'experts.1.weight': plane(1) }
    }
    await replayed(place, cuts.zeros, layout)
    const expected = layout(await place.weights('onnx/model.onnx'))
    expect(
      Object.values(expected)
        .flatMap(({ values }) => values)
        .filter((value) => value === 0),
    ).toHaveLength(24)
    expect((await place.read('pare-out/tiny/model.safetensors')).tables).toEqual(expected)
  })

  test('a checkpoint of bf16 beside an export of f32 stays one, and what stays keeps its bits', async () => {
    const model = await rounded(tinyModels['decoder, past_sequence_length + 1']!())
    await using place = await workplace(model)
    await replayed(place, cuts.zeros, fused, 'BF16')
    const { tables, dtypes } = await place.read('pare-out/tiny/model.safetensors')
    expect(dtypes).toEqual(['BF16'])
    expect(tables).toEqual(fused(await place.weights('onnx/model.onnx')))
  })

  test('a checkpoint of several types keeps each', async () => {
    const model = await rounded(tinyModels['decoder, past_sequence_length + 1']!())
    await using place = await workplace(model)
    await replayed(place, cuts.width, fused, (name) => (/\.[nm]\.weight/.test(name) ? 'F32' : 'BF16'))
    const { tables, dtypes } = await place.read('pare-out/tiny/model.safetensors')
    expect([...dtypes].sort()).toEqual(['BF16', 'F32'])
    expect(tables).toEqual(fused(await place.weights('onnx/model.onnx')))
  })

  test('of an export in f16 the checkpoint of f32 keeps the digits that the export has not', async () => {
    const model = parseText(
      'net (float16[N, 4] x) => (float16[N, 4] y) <float16[4, 8] up, float16[8, 4] down> { u = MatMul(x, up) r = Relu(u) y = MatMul(r, down) }',
      { up: halves(32, 1), down: halves(32, 5) },
    )
    await using place = await workplace(model)
    const exact = (start: number): Table => ({
      shape: [],
      values: Array.from(halves(32, start), (value) => value * (1 + 2 ** -13)),
    })
    const before = { 'a.weight': { ...exact(1), shape: [4, 8] }, 'b.weight': turned({ ...exact(5), shape: [8, 4] }) }
    await replayed(place, cuts.zeros, () => before)
    const { tables } = await place.read('pare-out/tiny/model.safetensors')
    const all = Object.entries(tables).flatMap(([name, { values }]) =>
      values.map((value, i) => [value, before[name as 'a.weight'].values[i]!]),
    )
    const zeros = all.filter(([value]) => value === 0)
    expect(zeros).toHaveLength(32)
    expect(all.filter(([value]) => value !== 0).every(([value, old]) => value === Math.fround(old!))).toBe(true)
  })
})

test('shards keep their tensors, and the index says what is where now', async () => {
  await using place = await workplace()
  const all = Object.entries(linear(await place.weights('model.onnx')))
  const [first, second] = [all.slice(0, 7), all.slice(7)].map((part) => Object.fromEntries(part))
  const names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
  await place.write(`tiny/${names[0]}`, safetensors(first!))
  await place.write(`tiny/${names[1]}`, safetensors(second!))
  const map = (shards: readonly (readonly string[])[]) =>
    Object.fromEntries(shards.flatMap((own, i) => own.map((name) => [name, names[i]!])))
  const weights = map([Object.keys(first!), Object.keys(second!)])
  await place.write(
    'tiny/model.safetensors.index.json',
    JSON.stringify({ metadata: { total_size: 1, total_parameters: 2 }, weight_map: weights }),
  )
  await place.run('prune', 'model.onnx', '--no-prove', '--out', 'onnx', ...cuts.layers)
  const session = await place.run('replay', 'onnx/model.plan.json', 'tiny', '--model', 'model.onnx', '--no-prove')
  expect(session.stderr).not.toContain('hint')
  const expected = linear(await place.weights('onnx/model.onnx'))
  const shards = [await place.read(`pare-out/tiny/${names[0]}`), await place.read(`pare-out/tiny/${names[1]}`)]
  expect({ ...shards[0]!.tables, ...shards[1]!.tables }).toEqual(expected)
  const index = JSON.parse(await place.text('pare-out/tiny/model.safetensors.index.json'))
  expect(index.weight_map).toEqual(map(shards.map(({ tables }) => Object.keys(tables))))
  const elements = Object.values(expected).reduce((sum, { values }) => sum + values.length, 0)
  expect(index.metadata).toEqual({ total_size: 4 * elements, total_parameters: elements })
  expect(session.stdout).toContain('config.json: num_hidden_layers 2 → 1')
})

test('one table for two weights of the model: zeros in both or in none', async () => {
  const text = (head: string) =>
    `net (int64[N] ids) => (float[N, 8] y) <float[8, 4] embed, float[4, 4] w, float[4, 8] head> { x = Gather(embed, ids) h = MatMul(x, w) r = Relu(h) ${head} }`
  const embed = noise(32, 4)
  const head = Float32Array.from(turned({ shape: [8, 4], values: Array.from(embed) }).values)
  await using place = await workplace(parseText(text('y = MatMul(r, head)'), { embed, w: noise(16, 5), head }))
  const layout: Layout = ({ embed, w }) => ({ 'embed.weight': embed!, 'w.weight': turned(w!) })
  await place.write('tiny/model.safetensors', safetensors(layout(await place.weights('model.onnx'))))
  const plan = async (...argv: string[]) => {
    await place.run('prune', 'model.onnx', '--no-prove', '--out', 'onnx', ...cuts.zeros, ...argv)
    return place.run('replay', 'onnx/model.plan.json', 'tiny', '--model', 'model.onnx', '--no-prove')
  }
  const refused = await plan('--include', 'head')
  expect(refused.exitCode).toBe(2)
  expect(refused.stderr).toContain(
    "'embed.weight' stands for 'head' turned over too, and the plan gives the one other numbers than the other",
  )
  expect(await readdir(join(place.path, 'pare-out')).catch(() => [])).toEqual([])
  expect((await plan('--exclude', 'head')).exitCode).toBe(0)
  expect((await place.read('pare-out/tiny/model.safetensors')).tables).toEqual(layout(await place.weights('onnx/model.onnx')))
})

test('what the model does not hold is copied and named, with a warning where it may be too wide now; a file alone has no config', async () => {
  await using place = await workplace()
  const others = {
    'rotary.inv_freq': { shape: [3], values: [1, 0.5, 0.25] },
    'pooler.weight': { shape: [2, 8], values: Array.from(noise(16, 8)) },
  }
  await place.write('tiny/model.safetensors', safetensors({ ...linear(await place.weights('model.onnx')), ...others }))
  await place.write(
    'tiny/config.json',
    (await place.text('tiny/config.json')).replace('"model_type": "llama"', '"model_type": "bert"'),
  )
  await place.run('plan', 'model.onnx', ...cuts.width, '--out', 'onnx')
  const replay = async (checkpoint: string, ...argv: string[]) =>
    place.run('replay', 'onnx/model.plan.json', checkpoint, '--model', 'model.onnx', '--no-prove', ...argv)
  const session = await replay('tiny', '--json')
  expect(session.json()).toMatchObject({
    checkpoint: { path: 'tiny', tensors: { matched: 19, copied: Object.keys(others), gone: [] } },
    output: { path: 'pare-out/tiny', files: [{ name: 'model.safetensors' }] },
    warnings: [
      expect.stringContaining(
        "'pooler.weight' [2,8] is not in the ONNX model and is copied as it is, though the plan cuts axes of",
      ),
      expect.stringContaining("what loads 'bert' may not read that"),
    ],
  })
  expect((await place.read('pare-out/tiny/model.safetensors')).tables).toMatchObject(others)
  const alone = await replay('tiny/model.safetensors', '--out', 'alone')
  expect(alone.stderr).toContain('warning: tiny/model.safetensors came alone')
  expect(await place.read('alone/model.safetensors')).toEqual(await place.read('pare-out/tiny/model.safetensors'))
  expect((await replay('tiny', '--out', 'tiny')).stderr).toContain('is the input itself, and inputs are never overwritten')
})

describe('refused before anything is written, with what to do:', () => {
  const shard = (name: string) => JSON.stringify({ weight_map: { 'model.embed.weight': name } })
  test.each<[string, Readonly<Record<string, string | ((all: Tables) => Buffer)>>, string]>([
    ['a folder without weights', {}, 'neither model.safetensors nor model.safetensors.index.json is in this folder'],
    ['a file that ends early', { 'model.safetensors': (all) => safetensors(all).subarray(0, -4) }, 'its tensors end at byte'],
    [
      'a shard that is not there',
      { 'model.safetensors.index.json': shard('a.safetensors') },
      'names a.safetensors with 1 tensors, and there is no such file',
    ],
    [
      'a shard elsewhere',
      { 'model.safetensors.index.json': shard('../a.safetensors') },
      'weight_map.model.embed.weight: Invalid string',
    ],
    [
      'an index that contradicts its shard',
      { 'model.safetensors.index.json': shard('a.safetensors'), 'a.safetensors': (all) => safetensors(all) },
      "a.safetensors holds 'model.places.weight', which model.safetensors.index.json does not name",
    ],
    [
      'the checkpoint of another model',
      { 'model.safetensors': (all) => safetensors(mapped(all, (value) => value + 1)) },
      'tiny is not the checkpoint of this model: 0 of the 15 matrices of the model are in it',
    ],
    [
      'a tensor with other numbers',
      {
        'model.safetensors': (all) =>
          safetensors({ ...all, [inLayers(1, 'up')]: mapped(all, (value) => value * 2)[inLayers(1, 'up')]! }),
      },
      "the plan changes 'up1' float32[8,12], and no tensor of the checkpoint has its numbers",
    ],
    [
      'a tensor that is missing',
      {
        'model.safetensors': (all) =>
          safetensors(Object.fromEntries(Object.entries(all).filter(([name]) => name !== inLayers(0, 'down')))),
      },
      "the plan changes 'down0' float32[12,8], and no tensor",
    ],
    [
      'a type that is not known',
      { 'model.safetensors': (all) => replaceIn(safetensors(all), '"F32"', '"F9 "') },
      'holds F9 ; bools, integers or floats',
    ],
  ])('%s', async (_, files, message) => {
    await using place = await workplace()
    const all = linear(await place.weights('model.onnx'))
    for (const [name, content] of Object.entries(files))
      await place.write(`tiny/${name}`, typeof content === 'string' ? content : content(all))
    await place.run('plan', 'model.onnx', ...cuts.neurons, '--out', 'onnx')
    const session = await place.run('replay', 'onnx/model.plan.json', 'tiny', '--model', 'model.onnx', '--no-prove')
    expect(session.stderr).toContain(message)
    expect(session.stderr).toMatch(/hint: \w/)
    expect(session.exitCode).toBe(2)
    expect(await readdir(join(place.path, 'pare-out')).catch(() => [])).toEqual([])
  })

  test('attention alone of a layer: no checkpoint can say so', async () => {
    await using place = await workplace()
    await place.write('tiny/model.safetensors', safetensors(linear(await place.weights('model.onnx'))))
    await place.run('plan', 'model.onnx', '--structure', 'layer:part=attention', '--ratio', '0.5', '--out', 'onnx')
    const session = await place.run('replay', 'onnx/model.plan.json', 'tiny', '--model', 'model.onnx', '--no-prove')
    expect(session.stderr).toContain('goes, and other tensors of its layer stay')
  })

  test('options and steps that are not for a checkpoint, and a plan whose model is not there', async () => {
    await using place = await workplace()
    await place.write('tiny/model.safetensors', safetensors(linear(await place.weights('model.onnx'))))
    await place.run('plan', 'model.onnx', '--sparsity', '0.5', '--quantise', 'int8-weights', '--out', 'onnx')
    const replay = async (...argv: string[]) => (await place.run('replay', 'onnx/model.plan.json', 'tiny', ...argv)).stderr
    expect(await replay('--like', 'other.onnx')).toContain(
      '--like other.onnx is for another ONNX model, and tiny is a checkpoint',
    )
    expect(await replay('--masks', 'masks.npz')).toContain('--masks masks.npz writes masks of an ONNX model')
    expect(await replay()).toContain('stores weights in fewer bits, and a checkpoint holds floats')
    await place.run('plan', 'model.onnx', '--sparsity', '0.5', '--out', 'onnx')
    expect(await replay('--model', 'none.onnx')).toContain('none.onnx does not exist')
    const text = JSON.parse(await readFile(join(place.path, 'onnx/model.plan.json'), 'utf8'))
    await place.write('onnx/model.plan.json', JSON.stringify({ ...text, model: { ...text.model, path: 'gone.onnx' } }))
    expect(await replay()).toContain('name the ONNX model that was exported from the checkpoint: --model model.onnx')
  })
})

function replaceIn(bytes: Buffer, text: string, other: string): Buffer {
  return Buffer.from(bytes.toString('latin1').replaceAll(text, other), 'latin1')
}

const mapped = (tables: Tables, change: (value: number) => number): Tables =>
  Object.fromEntries(Object.entries(tables).map(([name, { shape, values }]) => [name, { shape, values: values.map(change) }]))

/** Numbers without structure. */
const noise = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin((i + 1) * (seed + 0.37) * 7.1))
/** The same with ten bits behind the first. */
const halves = (count: number, start: number) =>
  Float32Array.from({ length: count }, (_, i) => 1 + ((start * 131 + i * 37) % 1024) / 1024)

/** The model with weights that have a form as bf16. */
async function rounded(model: Parameters<typeof weightsIn>[0]) {
  const bytes = new Map<object, Uint8Array>()
  for (const tensor of model.graph.initializers) {
    if (tensor.type !== 'float32') continue
    const values = new Float32Array((await readAll(tensor.data)).buffer)
    bytes.set(tensor, new Uint8Array(bfloat16ToFloat32(float32ToBfloat16(values)).buffer))
  }
  return withTensors(model, (tensor) =>
    bytes.has(tensor) ? editTensor(tensor, { data: makePayload(bytes.get(tensor)!) }) : tensor,
  )
}
