// What is fuzzed: for each parser of strangers' files inputs to begin with, words of the format, and what is done with an input.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { parsePlan, parseStatistics } from '@pare/core'
import { globMatcher, parseJson } from '@pare/onnx'
import { openCheckpoint } from '../../packages/cli/dist/checkpoint/checkpoint.js'
import { readMasks } from '../../packages/cli/dist/masks/read-masks.js'
import { checkShape } from '../../packages/cli/dist/settings/config/config-problems.js'
import { parseNpy } from '../../packages/evaluate/dist/data/arrays/npy.js'
import { parseNpz } from '../../packages/evaluate/dist/data/arrays/npz.js'
import { openData } from '../../packages/evaluate/dist/data/data.js'
import { decodeWav } from '../../packages/evaluate/dist/data/sounds/wav.js'
import { metadataOf } from '../../packages/evaluate/dist/data/tables/parquet.js'
import { checkPages } from '../../packages/evaluate/dist/data/tables/parquet-pages.js'
import { parseYaml } from '../../packages/evaluate/dist/data/yaml-text.js'
import { arrows, COCO, floats, npy, npz, parquets, safetensors, wav, ZSTD } from './data-files.mjs'
import { IMAGE_TARGETS } from './image-targets.mjs'
import { models, plan, readAndWrite, somePlan, someStatistics } from './models.mjs'
import { changedJson, changedModel, JSON_WORDS } from './structured.mjs'

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

/** A shard of two types of floats. */
const shard = () =>
  safetensors(
    {
      __metadata__: { format: 'pt' },
      w: { dtype: 'BF16', shape: [2, 3], data_offsets: [0, 12] },
      v: { dtype: 'F32', shape: [2], data_offsets: [12, 20] },
    },
    20,
  )
const SHARD_INDEX = JSON.stringify({ metadata: { total_size: 20 }, weight_map: { w: 'x.safetensors', v: 'x.safetensors' } })

/** A checkpoint of one shard, opened by its index. */
async function checkpoint(bytes, index) {
  file('x.safetensors', bytes)
  const opened = await openCheckpoint(file('x.safetensors.index.json', index), 'x')
  const tensors = opened.files.flatMap((each) => each.tensors).length
  await opened[Symbol.asyncDispose]()
  return `${tensors}`
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
  json: {
    change: changedJson,
    begin: () => [
      Buffer.from('[{"x": [1, 2], "label": 0}, {"x": [3, 4], "label": 1}]'),
      Buffer.from('{"x[0]": {"0": 1, "1": 3}, "x[1]": {"0": 2, "1": 4}, "label": {"0": 0, "1": 1}}'),
      Buffer.from(COCO),
    ],
    words: [...JSON_WORDS, '"data"', '"images"', '"annotations"', '"categories"', '"file_name"', '"bbox"', '"id"'],
    run: data('x.json'),
  },
  packed: {
    begin: () => [gzipSync('x[0],x[1],label\n1,2,0\n3,4,1\n'), ZSTD],
    words: ['\x1f\x8b\x08', '\x28\xb5\x2f\xfd', '\xe0', '\xff\xff\xff'],
    run: data('x.csv'),
  },
  ...IMAGE_TARGETS,
  parquet: {
    begin: parquets,
    words: ['PAR1', '\x15\x00', '\x19\x1c', '\x80\x80\x80\x80\x0f', '\x26\x08'],
    run: parquet,
  },
  arrow: {
    begin: arrows,
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
  checkpoint: {
    begin: () => [shard()],
    words: [...JSON_WORDS, '"data_offsets"', '"BF16"', '"F16"', '"F8_E4M3"', '"__metadata__"'],
    run: (bytes) => checkpoint(bytes, SHARD_INDEX),
  },
  'checkpoint-index': {
    change: changedJson,
    begin: () => [Buffer.from(SHARD_INDEX)],
    words: [...JSON_WORDS, '"weight_map"', '"metadata"', '"x.safetensors"', '"../x.safetensors"', '"total_size"'],
    run: (bytes) => checkpoint(shard(), bytes),
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

/** The inputs that a target begins with, those of earlier findings among them. */
export async function corpusOf(name) {
  const inputs = [...(await TARGETS[name].begin()), ...kept(name)]
  return name === 'npz' ? [...inputs, test('data/digits-calibrate.npz').subarray(0, 4096)] : inputs
}
