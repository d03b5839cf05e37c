// node bench/language.mjs [--models GLOB] [--cuts FILE] [--operations FILE] [--json FILE] [--table FILE]: what works on the language models of bench/export-language.py besides cutting: calibrated
// choice, repair, retraining, evaluation; --operations takes what --json wrote. With --cuts, the JSON of `bench/matrix.mjs language`, --table writes both as docs/language-support.md has them.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { globMatcher, openModel } from '@pare/onnx'

const { values } = parseArgs({
  options: {
    models: { type: 'string', default: '*' },
    cuts: { type: 'string' },
    operations: { type: 'string' },
    json: { type: 'string' },
    table: { type: 'string' },
  },
})
const MODELS = fileURLToPath(new URL('out/language/', import.meta.url))
const PARE = fileURLToPath(new URL('../packages/cli/bin/pare.js', import.meta.url))
const ROWS = 16
/** Tokens below those of the smallest vocabulary, and none that is special. */
const TOKENS = { from: 3, count: 100 }

if (!existsSync(MODELS)) {
  console.error('there are no models: run python3 bench/export-language.py first (it needs PyTorch)')
  process.exit(1)
}
const isWanted = globMatcher(values.models)
const names = readdirSync(MODELS)
  .filter((file) => file.endsWith('.onnx') && isWanted(file.slice(0, -5)))
  .map((file) => file.slice(0, -5))
  .sort()
const folder = await mkdtemp(join(tmpdir(), 'pare-language-'))
const cells = []
try {
  if (values.operations !== undefined) cells.push(...JSON.parse(await readFile(values.operations, 'utf8')))
  else for (const name of names) cells.push(...(await operationsOn(name)))
} finally {
  await rm(folder, { recursive: true, force: true })
}
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(cells, null, 1)}\n`)
if (values.table !== undefined) await writeFile(values.table, await table())

async function operationsOn(name) {
  const path = join(MODELS, `${name}.onnx`)
  const file = await openModel(path)
  const { inputs, outputs } = file.model.graph
  const shape = outputs[0].shape
  await file[Symbol.asyncDispose]()
  const data = join(folder, `${name}.jsonl`)
  const isClassifier = outputs[0].name === 'logits' && shape.length === 2
  const isLanguageModel = outputs[0].name === 'logits' && shape.length === 3 && shape[2] > 64
  await writeFile(data, rowsFor(inputs, isClassifier).join('\n'))
  const loss = isClassifier
    ? []
    : isLanguageModel && !/^(bert|modern)/.test(name)
      ? ['--loss', 'next-token']
      : ['--loss', 'output']
  const metric = isClassifier ? 'accuracy' : isLanguageModel ? 'perplexity' : 'mse:against=reference'
  const prune = (...args) => ['prune', path, ...args, '--out', join(folder, 'out')]
  const trained = (structure) =>
    prune('--structure', structure, '--ratio', '0.5', '--train', data, '--recover', 'retrain', '--steps', '2', ...loss)
  const operations = {
    solved: [prune('--criterion', 'sparsegpt', '--calibrate', data)],
    repaired: [prune('--structure', 'neuron', '--ratio', '0.5', '--calibrate', data, '--recover', 'repair')],
    retrained: [trained('head'), trained('neuron')],
    evaluated: [
      ['evaluate', path, '--data', data, '--metric', metric, ...(/reference/.test(metric) ? ['--reference', path] : [])],
    ],
  }
  return Object.entries(operations).map(([operation, tries]) => {
    const outcomes = []
    for (const argv of tries) {
      outcomes.push(outcomeOf(argv))
      if (outcomes.at(-1).status !== 'nothing') break
    }
    const { status, note } = outcomes.at(-1)
    console.log(`${status.padEnd(8)}${operation.padEnd(10)}${name.padEnd(28)}${note}`)
    return { label: name, operation, status, note }
  })
}

/** What `pare` said: it works, it says why not, or it broke. */
function outcomeOf(argv) {
  const { status, stdout, signal } = spawnSync(process.execPath, [PARE, ...argv, '--json', '--quiet'], { encoding: 'utf8' })
  const document = stdout === '' ? {} : JSON.parse(stdout)
  const message = document.error?.message ?? document.problems?.[0]?.message ?? ''
  if (/finds nothing to prune/.test(message)) return { status: 'nothing', note: message }
  if (status !== 0) return { status: message === '' ? 'broke' : 'reason', note: message || `exit ${status ?? signal}` }
  const unrepaired = document.repair?.refit === 0 && document.repair?.matched === 0
  if (unrepaired) {
    const [note] = document.repair.notes
    return { status: note === undefined ? 'silent' : 'reason', note: note ?? 'nothing was repaired' }
  }
  return { status: 'works', note: '' }
}

/** Samples for all inputs that do not follow from the tokens: numbers that differ, and every size that is open at 6. */
function rowsFor(inputs, isClassifier) {
  let seed = 7
  const next = () => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31
    return seed / 2 ** 31
  }
  // A merged decoder begins without a cache; one that only goes on with a cache is given that of the encoder.
  const isMerged = inputs.some(({ name }) => name === 'use_cache_branch')
  const own = inputs.filter(
    ({ name }) =>
      !/^(attention_mask|position_ids|token_type_ids|use_cache_branch)$/.test(name) &&
      !(isMerged ? /^past_key_values?[._]/ : /^past_key_values?[._](?!.*encoder)/).test(name),
  )
  const filled = ({ type, shape, name }) => {
    const sizes = shape.slice(1).map((size) => (typeof size === 'number' ? size : 6))
    const value = /mask/.test(name)
      ? () => 1
      : /^int/.test(type)
        ? () => TOKENS.from + Math.floor(next() * TOKENS.count)
        : () => Number((next() * 2 - 1).toFixed(4))
    const make = ([size, ...rest]) => (size === undefined ? value() : Array.from({ length: size }, () => make(rest)))
    return make(sizes)
  }
  return Array.from({ length: ROWS }, (_, row) =>
    JSON.stringify({
      ...Object.fromEntries(own.map((input) => [input.name, filled(input)])),
      ...(isClassifier && { label: row % 3 }),
    }),
  )
}

async function table() {
  const cuts = values.cuts === undefined ? [] : JSON.parse(await readFile(values.cuts, 'utf8'))
  const structures = ['element', 'nm', 'neuron', 'head', 'hidden', 'layer']
  const operations = ['solved', 'repaired', 'retrained', 'evaluated']
  const notes = []
  const mark = (cell) => {
    if (cell === undefined) return '–'
    if (['ok', 'proved only', 'works'].includes(cell.status)) return 'yes'
    // Of several the first says it.
    const text = cell.note
      .replace(/\s+/g, ' ')
      .replace(/, \S+ \(.*/, '')
      .replace(/^\S+\.jsonl: - input .*/, 'the cached keys and values in the data are those of all heads')
      .slice(0, 300)
    const at = notes.indexOf(text) < 0 ? notes.push(text) : notes.indexOf(text) + 1
    return `[${at}]`
  }
  const shown = names.filter((name) => cells.some((cell) => cell.label === name))
  const rows = shown.map((name) => [
    name,
    ...structures.map((structure) =>
      mark(cuts.find((cell) => cell.label.endsWith(`/${name}.onnx`) && cell.structure === structure)),
    ),
    ...operations.map((operation) => mark(cells.find((cell) => cell.label === name && cell.operation === operation))),
  ])
  const head = ['model', 'elements', '2:4', 'neurons', 'heads', 'width', 'layers', 'solved', 'repaired', 'retrained', 'evaluated']
  const line = (row) => `| ${row.join(' | ')} |`
  return `# Language models

Written by \`node bench/language.mjs --table\` from models of two layers that \`bench/export-language.py\` makes, with random weights, as transformers and optimum write
them. Do not edit it. Cuts are proved, for decoders with an empty and a filled cache, and judged by an oracle that shares no code with Pare.

- **elements, 2:4**: half of the weights are zeroed, by magnitude. **neurons, heads, width, layers**: half of each is cut.
- **solved**: by SparseGPT on calibration data. **repaired**: half of the neurons cut, what is left fitted to calibration data. **retrained**: half of the heads cut, and trained.
- **evaluated**: perplexity, accuracy, or the distance from the original.

${line(head)}
${line(head.map(() => '---'))}
${rows.map(line).join('\n')}
${notes.length === 0 ? '' : `\nWhat pare says where it does not:\n\n${notes.map((note, i) => `${i + 1}. ${note}`).join('\n')}\n`}`
}
