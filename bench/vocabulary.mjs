// node bench/vocabulary.mjs [--layers N]: what a corpus of one language leaves of a vocabulary of 250,002 tokens, in a model of the size of multilingual-e5-small (384 wide, 12 layers,
// random weights), with a tokenizer of the kind of XLM-R's: pieces of the corpus' words by how often they stand there, and made-up ones of other scripts.
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeModel } from '@pare/onnx'
import { transformer } from './models/transformer.mjs'

const { values } = parseArgs({ options: { layers: { type: 'string', default: '12' } } })
const root = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const TOKENS = 250_002
const CORPUS = root('test-models/data/lm-evaluate.txt')

const folder = await mkdtemp(join(tmpdir(), 'pare-vocabulary-'))
try {
  const text = await readFile(CORPUS, 'utf8')
  const pieces = piecesOf(text)
  await writeModel(
    transformer({ width: 384, layers: Number(values.layers), sparsity: 0, vocabulary: TOKENS, hidden: 1536, input: 'input_ids' }),
    join(folder, 'model.onnx'),
  )
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer(pieces)))
  await writeFile(
    join(folder, 'config.json'),
    JSON.stringify({ model_type: 'bert', vocab_size: TOKENS, hidden_size: 384, pad_token_id: 1 }),
  )
  const args = ['vocabulary', folder, '--text', CORPUS, '--windows', '8', '--out', join(folder, 'out'), '--json', '--quiet']
  const start = performance.now()
  const { status, stdout, stderr } = spawnSync(process.execPath, [root('packages/cli/bin/pare.js'), ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  if (status !== 0) throw new Error(stdout + stderr)
  const { tokens, model, output, proof } = JSON.parse(stdout)
  const bytes = async (path) => (await stat(path)).size
  const tokenizers = [await bytes(join(folder, 'tokenizer.json')), await bytes(join(folder, 'out/tokenizer.json'))]
  const mb = (count) => `${(count / 1e6).toFixed(1)} MB`
  console.log(`tokens     ${tokens.before} → ${tokens.kept}; the corpus holds ${tokens.tokens}, ${tokens.used} of them different`)
  console.log(
    `model      ${mb(model.bytes)} → ${mb(output.bytes)}: ${(100 * (1 - output.bytes / model.bytes)).toFixed(1)} % gone`,
  )
  console.log(`tokenizer  ${mb(tokenizers[0])} → ${mb(tokenizers[1])}`)
  console.log(
    `proof      ${proof.windows} windows, ${proof.different} with other tokens; ${proof.outputs.numbers} numbers of ${proof.outputs.windows}, ${proof.outputs.different} that differ in a bit`,
  )
  console.log(`time       ${((performance.now() - start) / 1000).toFixed(0)} s`)
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** [piece, log of its share], the commonest first. */
function piecesOf(text) {
  const counts = new Map()
  for (const word of text.split(/\s+/)) {
    const marked = `▁${word}`
    for (let from = 0; from < marked.length; from++)
      for (let to = from + 1; to <= Math.min(marked.length, from + 9); to++) {
        const piece = marked.slice(from, to)
        counts.set(piece, (counts.get(piece) ?? 0) + 1)
      }
  }
  const common = [...counts].sort(([, a], [, b]) => b - a).slice(0, 90_000)
  const all = common.reduce((sum, [, count]) => sum + count, 0)
  return common.map(([piece, count]) => [piece, Math.log(count / all) + piece.length])
}

function tokenizer(pieces) {
  const special = ['<s>', '<pad>', '</s>', '<unk>']
  const vocab = [...special.map((token) => [token, 0]), ...pieces]
  for (let i = 0; vocab.length < TOKENS; i++)
    vocab.push([
      String.fromCodePoint(0x4e00 + (i % 20_000)) + String.fromCodePoint(0x400 + Math.floor(i / 20_000)),
      -15 - i / 1e5,
    ])
  return {
    version: '1.0',
    added_tokens: special.map((content, id) => ({ id, content, special: true })),
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
    post_processor: null,
    decoder: { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
    model: { type: 'Unigram', unk_id: 3, vocab },
  }
}
