// What is fuzzed: for each parser of strangers' files inputs to begin with, words of the format, and what is done with an input.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { analyseUnits, findGroups, formatPlan, formatStatistics, makePlan, parsePlan, parseStatistics } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import {
  applyStorage,
  expandStorage,
  globMatcher,
  inferShapes,
  modelBytes,
  parseJson,
  parseText,
  planStorage,
  readAll,
  readModel,
  visitNodes,
  withTensors,
} from '@pare/onnx'
import { channel } from '@pare/structure-channel'
import { element } from '@pare/structure-element'
import { head } from '@pare/structure-head'
import { hidden } from '@pare/structure-hidden'
import { neuron } from '@pare/structure-neuron'
import { tableFromArrays, tableToIPC } from '@uwdata/flechette'
import { zipSync } from 'fflate'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { readMasks } from '../../packages/cli/dist/masks/read-masks.js'
import { checkShape } from '../../packages/cli/dist/settings/config/config-problems.js'
import { parseYaml } from '../../packages/cli/dist/settings/config/yaml-text.js'
import { parseNpy } from '../../packages/evaluate/dist/data/arrays/npy.js'
import { parseNpz } from '../../packages/evaluate/dist/data/arrays/npz.js'
import { openData } from '../../packages/evaluate/dist/data/data.js'
import { decodeImage } from '../../packages/evaluate/dist/data/images/decode.js'
import { decodeWav } from '../../packages/evaluate/dist/data/sounds/wav.js'
import { metadataOf } from '../../packages/evaluate/dist/data/tables/parquet.js'
import { checkPages } from '../../packages/evaluate/dist/data/tables/parquet-pages.js'
import { changedJson, changedModel } from './structured.mjs'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const CORPUS = fileURLToPath(new URL('corpus/', import.meta.url))

/** A folder for the one file that is read at a time. */
const folder = mkdtempSync(join(tmpdir(), 'pare-fuzz-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

function file(name, bytes) {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

const INPUTS = [{ name: 'x', type: 'float32', shape: ['N', 2] }]

/** Data of any format, opened for a model of one input and read to their end. */
const data = (name) => async (bytes) => {
  const opened = await openData(file(name, bytes), { inputs: INPUTS, trusted: false })
  let samples = 0
  for await (const batch of opened.batches(16)) samples += batch.size
  return `${samples > 0}`
}

/** All that is looked at before the library unpacks values: a few bytes in them may say that it is to repeat one 2³¹ times, which only time and memory of the child limit. */
async function parquet(bytes) {
  const { metadata } = await metadataOf({ path: file('x.parquet', bytes), name: 'x.parquet', folder })
  const read = async (start, length) => {
    const stretch = Uint8Array.from(bytes.subarray(start, start + length))
    return new DataView(stretch.buffer)
  }
  for (const group of metadata.row_groups)
    await checkPages(read, group).catch((error) => {
      if (error instanceof TypeError) throw error
    })
  return `${metadata.row_groups.length}`
}

/** What is kept of earlier findings, beside what a target begins with. */
function kept(name) {
  try {
    return readdirSync(join(CORPUS, name)).map((each) => readFileSync(join(CORPUS, name, each)))
  } catch {
    return []
  }
}

const MODEL_TEXT = `<ir_version: 9, opset_import: ["" : 17, "local" : 1]>
  m (float[N, 4] x, bool c) => (float[N, 2] y)
  <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}, int64[1] k = {3}>
  { h = MatMul(x, w)
    s = Constant<value = float {2.5}>()
    m = Mul(h, s)
    y = If (c) <then_branch = t () => (float[N, 2] a) { a = Relu(m) }, else_branch = e () => (float[N, 2] b) { b = local.f(m) }> }
  <domain: "local", opset_import: ["" : 17]> f (p) => (q) { q = Neg(p) }`

const CONVOLUTIONS = `<ir_version: 9, opset_import: ["" : 17]>
  m (float[N, 3, 8, 8] x) => (float[N, 6] y)
  <float[8, 3, 3, 3] w1, float[8] b1, float[8, 4, 3, 3] w2, float[8, 6] w3, int64[2] shape = {0, -1}>
  { a = Conv<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(x, w1, b1)
    r = Relu(a)
    b = Conv<kernel_shape = [3, 3], pads = [1, 1, 1, 1], group = 2>(r, w2)
    s = Add(a, b)
    p = GlobalAveragePool(s)
    f = Reshape(p, shape)
    y = MatMul(f, w3) }`

const STACKED = `<ir_version: 9, opset_import: ["" : 17]>
  m (float[N, 6, 8] x) => (float[N, 6, 8] y)
  <float[8, 24] qkv, float[8, 8] out, int64[4] heads = {0, 0, 2, 4}, int64[3] flat = {0, 0, 8}, int64[3] parts = {8, 8, 8}, float[8] g, float[8] b>
  { n = LayerNormalization<axis = -1>(x, g, b)
    a = MatMul(n, qkv)
    q, k, v = Split<axis = 2>(a, parts)
    q1 = Reshape(q, heads)
    k1 = Reshape(k, heads)
    v1 = Reshape(v, heads)
    q2 = Transpose<perm = [0, 2, 1, 3]>(q1)
    k2 = Transpose<perm = [0, 2, 3, 1]>(k1)
    v2 = Transpose<perm = [0, 2, 1, 3]>(v1)
    s = MatMul(q2, k2)
    p = Softmax<axis = -1>(s)
    o = MatMul(p, v2)
    t = Transpose<perm = [0, 2, 1, 3]>(o)
    u = Reshape(t, flat)
    z = MatMul(u, out)
    y = Add(x, z) }`

const filled = (sizes) =>
  Object.fromEntries(Object.entries(sizes).map(([name, n]) => [name, Float32Array.from({ length: n }, (_, i) => (i % 7) - 3)]))

const SPARSE = `<ir_version: 9, opset_import: ["" : 17]> m (float[N, 30] x) => (float[N, 21] y) <float[30, 21] w> { y = MatMul(x, w) }`

const sparse = async (model) => applyStorage(model, await planStorage(model))

const models = async () => [
  Buffer.from(await modelBytes(parseText(MODEL_TEXT))),
  Buffer.from(await modelBytes(parseText(CONVOLUTIONS, filled({ w1: 216, b1: 8, w2: 288, w3: 48 })))),
  Buffer.from(
    await modelBytes(await sparse(parseText(SPARSE, { w: filled({ w: 630 }).w.map((value, i) => (i % 4 === 0 ? value : 0)) }))),
  ),
  Buffer.from(await modelBytes(parseText(STACKED, filled({ qkv: 192, out: 64, g: 8, b: 8 })))),
]

/** Reads, walks, reads all elements, infers shapes and writes: what is written are the bytes that were read. */
async function readAndWrite(bytes) {
  const model = await readModel(bytes)
  visitNodes(model, (node, scope) => node.inputs.map((name) => scope.constant(name)))
  const payloads = []
  withTensors(model, (tensor) => {
    payloads.push(readAll(tensor.data))
    return tensor
  })
  const outcomes = await Promise.allSettled(payloads)
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  await inferShapes(model)
  const { graph } = await expandStorage(model)
  for (const { data } of graph.initializers) await readAll(data)
  if (!Buffer.from(await modelBytes(model)).equals(Buffer.from(bytes))) throw new Error('what was written is not what was read')
  return `${model.graph.nodes.length}`
}

const STRUCTURES = [element(), channel(), neuron(), head(), hidden()]

/** What pare inspect and pare plan do: what can go, and a plan that takes half. */
async function plan(bytes) {
  const model = await readModel(bytes)
  const analysis = await analyseUnits(model)
  const groups = STRUCTURES.map((structure) => findGroups(structure, analysis).groups.length)
  for (const [i, structure] of STRUCTURES.entries())
    if (groups[i] > 0) await makePlan(model, [{ structure, criterion: magnitude(), target: { ratio: 0.5 } }], { seed: 1 })
  return groups.join()
}

function npy(type, shape, content) {
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`
  const head = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length & 255, padded.length >> 8])
  return Buffer.concat([head, Buffer.from(padded), Buffer.from(content)])
}

const floats = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer)
const npz = (options) =>
  Buffer.from(zipSync({ 'x.npy': npy('<f4', [3, 2], floats), 'label.npy': npy('|u1', [3], [0, 1, 1]) }, options))

function safetensors(header, bytes) {
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, Buffer.alloc(bytes, 1)])
}

const columns = { a: [1, 2, 3, 4], b: [0.5, 1.5, 2.5, 3.5], label: [0, 1, 0, 1], name: ['p', 'q', 'r', 's'] }

async function somePlan() {
  const model = parseText(CONVOLUTIONS, filled({ w1: 216, b1: 8, w2: 288, w3: 48 }))
  const made = await makePlan(model, [{ structure: element(), criterion: magnitude(), target: { sparsity: 0.5 } }], { seed: 1 })
  const cut = await makePlan(model, [{ structure: channel(), criterion: magnitude(), target: { ratio: 0.5 } }], {
    seed: 1,
  }).catch(() => made)
  const hash = 'a'.repeat(64)
  const facts = { schemaVersion: 1, kind: 'plan', pare: '0.1.0', seed: 1, model: { sha256: hash, bytes: 4096 } }
  return [made, cut].map(({ steps }) => Buffer.from(formatPlan({ ...facts, steps })))
}

function someStatistics() {
  const totals = (...values) => ({ rows: 3, values: Float64Array.from(values) })
  const reductions = new Map([
    ['mean:w', 'mean'],
    ['max:w', 'max'],
  ])
  const blocks = [0, 1].map((index) => ({
    level: 0,
    index,
    totals: new Map([
      ['mean:w', totals(1, 2, 3)],
      ['max:w', totals(4, 5, 6)],
    ]),
  }))
  const facts = { schemaVersion: 1, kind: 'statistics', pare: '0.1.0', executionProvider: 'cpu' }
  const hash = 'a'.repeat(64)
  return [
    Buffer.concat(
      formatStatistics({
        ...facts,
        model: { sha256: hash },
        data: { sha256: hash, samples: 512 },
        measured: { reductions, blocks },
      }),
    ),
  ]
}

const JSON_WORDS = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ',',
  ':',
  'null',
  'true',
  '1e308',
  '"__proto__":',
  '"constructor"',
  '\\u0000',
  '\\ud800',
  '[[[[[[[[',
  '{"a":',
]

const test = (name) => readFileSync(join(ROOT, 'test-models', name))

/** By name. `begin` gives inputs to begin with, `run` does what is done with an input and says in a word what came of it. */
export const TARGETS = {
  onnx: {
    change: changedModel,
    begin: models,
    words: [
      '\x0a\x00',
      '\x12\x00',
      '\x1a\x02',
      '\x22\x00',
      '\x2a\x04',
      '\x3a\x06',
      '\x7a\x00',
      'Conv',
      'MatMul',
      'Reshape',
      'If',
      '\xff\xff\xff\xff\x0f',
      '\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01',
    ],
    run: readAndWrite,
  },
  plan: {
    change: changedModel,
    begin: models,
    words: [
      'Concat',
      'Split',
      'Gather',
      'Reshape',
      'Transpose',
      'Loop',
      'Scan',
      'axis',
      'group',
      'pads',
      'LSTM',
      '\x18\x00',
      '\x20\x01',
      '\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01',
    ],
    run: plan,
  },
  npy: {
    begin: () => [
      npy('<f4', [3, 2], floats),
      npy('|b1', [3], [1, 0, 1]),
      npy('<U2', [2], Buffer.alloc(16, 1)),
      npy('>i8', [1], Buffer.alloc(8)),
    ],
    words: ["'descr': '<f4'", "'shape': (", 'True', '<U9', '|O', '>c16', '\x93NUMPY\x02\x00', ',)', 'L'],
    run: (bytes) => parseNpy(bytes, 'x.npy').type,
  },
  npz: {
    begin: () => [npz({ level: 0 }), npz({ level: 9 })],
    words: ['PK\x01\x02', 'PK\x05\x06', 'PK\x03\x04', '.npy', '../'],
    run: (bytes) => [...parseNpz(bytes, 'x.npz', 2 ** 26).values()].map(({ type }) => type).join(),
  },
  csv: {
    begin: () => [
      Buffer.from('x[0],x[1],label\n1,2,0\n3,4,1\n'),
      Buffer.from('a,b,label\n"1","2",0\n'),
      Buffer.from('\ufeffid,x[1],x[0],label,group\n7,1,2,"a\nb",c\n'),
    ],
    words: ['"', '""', '\r\n', ',', '\n', 'x[0]', 'x[999999]', 'label', '\ufeff', '__proto__', 'nan'],
    run: data('x.csv'),
  },
  jsonl: {
    change: changedJson,
    begin: () => [
      Buffer.from('{"x": [1, 2], "label": 0}\n{"x": [3, 4], "label": "a"}\n'),
      Buffer.from('{"text": "a b", "label": 1}\n'),
    ],
    words: [...JSON_WORDS, '\n', '"x"', '"label"', '"bytes"', '"path"'],
    run: data('x.jsonl'),
  },
  parquet: {
    begin: () =>
      ['SNAPPY', 'UNCOMPRESSED'].map((codec) =>
        Buffer.from(
          parquetWriteBuffer({
            codec,
            columnData: Object.entries(columns).map(([name, values]) => ({
              name,
              data: values,
              type: typeof values[0] === 'string' ? 'STRING' : 'DOUBLE',
            })),
          }),
        ),
      ),
    words: ['PAR1', '\x15\x00', '\x19\x1c', '\x80\x80\x80\x80\x0f', '\x26\x08'],
    run: parquet,
  },
  arrow: {
    begin: () => ['file', 'stream'].map((format) => Buffer.from(tableToIPC(tableFromArrays(columns), { format }))),
    words: ['ARROW1', '\xff\xff\xff\xff', '\x04\x22\x4d\x18', '\x28\xb5\x2f\xfd'],
    run: data('x.arrow'),
  },
  safetensors: {
    begin: () => [
      safetensors(
        { w: { dtype: 'BOOL', shape: [2, 3], data_offsets: [0, 6] }, v: { dtype: 'F32', shape: [2], data_offsets: [6, 14] } },
        14,
      ),
    ],
    words: [...JSON_WORDS, '"data_offsets"', '"BF16"', '"__metadata__"'],
    run: async (bytes) => [...(await readMasks(file('x.safetensors', bytes), 'x.safetensors')).keys()].length,
  },
  image: {
    begin: () => [PNG, JPEG],
    words: ['IHDR', 'IDAT', 'IEND', 'PLTE', 'tRNS', '\xff\xd8\xff\xe1', 'RIFF', 'WEBPVP8 ', 'WEBPVP8L', 'WEBPVP8X', 'Exif\0\0II'],
    run: async (bytes) => `${(await decodeImage(bytes, { where: 'x' })).width > 0}`,
  },
  wav: {
    begin: () => [wav()],
    words: ['fmt ', 'data', 'RIFF', 'WAVE', '\xfe\xff'],
    run: (bytes) => `${decodeWav(bytes, 'x').rate > 0}`,
  },
  replay: {
    change: changedJson,
    begin: somePlan,
    words: [...JSON_WORDS, '"steps"', '"kind": "cut"', '"kind": "update"', '"kind": "quantise"', '"kind": "permute"'],
    run: async (bytes) => `${(await parsePlan(bytes.toString('utf8'), 'x.json')).steps.length > 0}`,
  },
  statistics: {
    begin: someStatistics,
    words: [...JSON_WORDS, '"variance"', '"offset"', '"length"'],
    run: async (bytes) => `${(await parseStatistics(bytes, 'x.pare')).measured.blocks.length}`,
  },
  config: {
    change: changedJson,
    begin: () => CONFIGS.map((text) => Buffer.from(text)),
    words: [...JSON_WORDS, '&a ', '*a', '<<: ', '!!binary ', '- ', '? ', '|', '---\n'],
    run: config,
  },
  glob: {
    begin: () => ['**/*.onnx', 'a/{b,c{1..9}}/[!x-z]?*\\*'].map((text) => Buffer.from(text)),
    words: ['*', '**', '/', '{', '}', ',', '..', '[', '!', ']', '?', '\\', '*a*a*a*a*a*a*a*a*a', '{1..999999}'],
    run: (bytes) => `${globMatcher(bytes.toString('utf8'))('a/b/ccccccccccccccccccccccccccccccccccccccccc.onnx')}`,
  },
}

const CONFIGS = [
  '{"models": [{"path": "m.onnx", "prune": [{"structure": "element", "criterion": "magnitude", "target": {"sparsity": 0.5}}], "evaluate": {"data": "v.npz", "metric": "accuracy"}, "gate": {"maxDrop": 0.1}}]}',
  'seed: 1\nmodels:\n  - path: m.onnx\n    calibrate: c.npz\n    recover: repair\n    prune: [{ structure: head, target: { ratio: 0.5 } }]\n',
]

/** As both formats, and checked against the schema. */
async function config(bytes) {
  const text = bytes.toString('utf8')
  const outcomes = []
  for (const parse of [parseJson, parseYaml]) {
    let value
    try {
      value = await parse(text)
    } catch (error) {
      if (error.name !== 'PareError' && !(error instanceof SyntaxError) && !/^YAML|^ReferenceError/.test(error.name)) throw error
      outcomes.push(error.name)
      continue
    }
    outcomes.push(checkShape(value).problems.length)
  }
  return outcomes.join()
}

function wav() {
  const buffer = Buffer.alloc(60)
  buffer.write('RIFF', 0)
  buffer.writeUInt32LE(52, 4)
  buffer.write('WAVEfmt ', 8)
  buffer.writeUInt32LE(16, 16)
  buffer.writeUInt16LE(1, 20)
  buffer.writeUInt16LE(1, 22)
  buffer.writeUInt32LE(8000, 24)
  buffer.writeUInt32LE(16000, 28)
  buffer.writeUInt16LE(2, 32)
  buffer.writeUInt16LE(16, 34)
  buffer.write('data', 36)
  buffer.writeUInt32LE(16, 40)
  return buffer
}

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGP8z8DAwMDAxMDAwMDAAAANHQEDasKb6QAAAABJRU5ErkJggg==',
  'base64',
)
const JPEG = Buffer.from(
  '/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AVN//2Q==',
  'base64',
)

/** The inputs that a target begins with, those of earlier findings among them. */
export async function corpusOf(name) {
  const found = [...(await TARGETS[name].begin()), ...kept(name)]
  return name === 'npz' ? [...found, test('data/digits-calibrate.npz').subarray(0, 4096)] : found
}
