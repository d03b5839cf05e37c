import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { planOf } from '@pare/core'
import type { RenamedComparison } from '@pare/evaluate'
import { formatBytes, formatCount, share } from '@pare/gate'
import { type ModelFile, openModel, present } from '@pare/onnx'
import { type Work, workOn } from '../engine/work.js'
import { filesOf, hashModel } from '../files/hash-model.js'
import { companionsOf, type OutputFiles, outputFiles } from '../files/output.js'
import { isFile, isFolder, missingFile, showPath } from '../files/paths.js'
import { writePlan } from '../files/plan-files.js'
import { Publication } from '../files/publication.js'
import { publishAll } from '../files/publish.js'
import { FolderCopy, refuseForeign } from '../folder/folder-copy.js'
import { type ModelFolder, modelFileOf } from '../folder/model-folder.js'
import { type OptionValues, ownOf } from '../options/overrides.js'
import { bytesOf } from '../pipeline/facts/facts.js'
import { type FileFacts, writePruned } from '../pipeline/result-files.js'
import {
  type Corpus,
  describeRenamed,
  jsonIn,
  proveVocabulary,
  type SmallerVocabulary,
  shrinkVocabulary,
} from '../pipeline/steps/vocabulary.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { usage } from '../terminal/failure.js'

const WINDOWS = 32
const TOKENIZER = 'tokenizer.json'
/** Files beside a model that name tokens by their ids. */
const CONFIGS = ['config.json', 'generation_config.json', 'genai_config.json', 'tokenizer_config.json']
/** Other forms of a tokenizer, with the old ids. */
const OTHER_FORMS = [
  ...['vocab.json', 'merges.txt', 'vocab.txt', 'added_tokens.json'],
  ...['spiece.model', 'tokenizer.model', 'sentencepiece.bpe.model', 'source.spm', 'target.spm'],
]

/** `pare vocabulary MODEL --text FILE`: the model and its tokenizer without the tokens that the texts never use. */
export async function vocabulary(context: Context, [written = '']: readonly string[], values: OptionValues): Promise<number> {
  const { io } = context
  const start = io.now()
  const { text = [], tokenizer, field, windows = WINDOWS, out } = ownOf('vocabulary', values)
  const source = await sourceOf(written, tokenizer, io.cwd)
  const corpus = { data: await corpusOf(text, io.cwd), text: { tokenizer: source.tokenizer, ...present({ field }) } }
  const output = await outputFiles(source, { cwd: io.cwd, out })
  await refuseForeign(output.copy!)
  const work = workOn({ name: written }, {}, context)
  await using file = await openModel(source.path)
  const smaller = await shrinkVocabulary({ model: file.model, path: source.path, corpus, configs: source.configs }, work)
  await using publication = await Publication.open(output.folder, { owned: companionsOf(output) })
  await publication.protect([...filesOf(file), source.tokenizer, ...corpus.data, ...source.configs])
  const made = await write({ file, source, corpus, smaller, output, publication }, work)
  const reference = { model: source.path, text: corpus.text }
  const other = { model: made.model.path, text: { ...corpus.text, tokenizer: made.tokenizer } }
  const proof = await proveVocabulary({ reference, other, corpus, step: smaller.step, windows }, work)
  await publishAll(publication, context)
  const shown = { ...made, model: { ...made.model, path: showPath(output.model, io.cwd) }, plan: showPath(output.plan, io.cwd) }
  answer(context, {
    ...{ schemaVersion: 1, command: 'vocabulary', model: made.source, output: shown.model, plan: { path: shown.plan } },
    ...{ tokens: smaller.counts, edits: made.edits, left: made.left, proof },
    durationMs: io.now() - start,
  })
  say(context, { shown, proof }, ({ shown, proof }) => linesOf(shown, smaller.counts, proof).join('\n'))
  return EXIT.pass
}

/** A model with its tokenizer, and what goes with them. */
interface Source {
  readonly path: string
  readonly folder: ModelFolder
  /** Absolute path. */
  readonly tokenizer: string
  /** Absolute paths of files that name tokens by their ids. */
  readonly configs: readonly string[]
}

/** Of a model that is named alone, the files beside it that speak of tokens go with it. */
async function sourceOf(written: string, named: string | undefined, cwd: string): Promise<Source> {
  await using located = await modelFileOf(resolve(cwd, written))
  const { path, folder = await alone(resolve(cwd, written)), pair } = located
  if (pair !== undefined)
    throw usage(
      `pare vocabulary: ${written} holds a decoder in two files, ${folder.models[0]} and another that goes on with its cache, and takes a model in one.`,
      'export it again with a merged decoder, which optimum-cli export onnx writes unless --no-post-process is given',
    )
  const tokenizer = named === undefined ? join(folder.path, TOKENIZER) : resolve(cwd, named)
  const missing = await missingFile(tokenizer)
  if (missing !== undefined)
    throw usage(
      `pare vocabulary: ${named ?? `no ${TOKENIZER} beside ${written}`}${named === undefined ? '' : ` is not a file: ${missing}`}.`,
      'name the tokenizer of the model: --tokenizer tokenizer.json',
    )
  const configs = folder.companions.filter((name) => CONFIGS.includes(name)).map((name) => join(folder.path, name))
  const companions = [...new Set([...folder.companions, TOKENIZER])]
  return { path, folder: { ...folder, companions }, tokenizer, configs }
}

async function alone(path: string): Promise<ModelFolder> {
  const missing = await missingFile(path)
  if (missing !== undefined) throw usage(`pare vocabulary: ${path} is not a file: ${missing}.`, 'give a model, or its folder')
  const folder = dirname(path)
  const companions: string[] = []
  for (const name of [...CONFIGS, 'special_tokens_map.json']) if (await isFile(join(folder, name))) companions.push(name)
  const [name, models] = [basename(path, '.onnx'), [basename(path)]]
  return {
    path: folder,
    name,
    kind: 'files',
    isLanguageModel: true,
    models,
    paired: [],
    companions,
    left: [],
    choice: basename(path),
  }
}

async function corpusOf(files: readonly string[], cwd: string): Promise<readonly string[]> {
  const paths = files.map((file) => resolve(cwd, file))
  for (const [i, path] of paths.entries()) {
    const missing = (await isFolder(path)) ? undefined : await missingFile(path)
    if (missing !== undefined)
      throw usage(
        `pare vocabulary: text '${files[i]}' is not a file: ${missing}.`,
        'give texts as the model will meet them: --text corpus.txt',
      )
  }
  return paths
}

interface Writing {
  readonly file: ModelFile
  readonly source: Source
  readonly corpus: Corpus
  readonly smaller: SmallerVocabulary
  readonly output: OutputFiles
  readonly publication: Publication
}

/** Writes everything to where it is published from. */
async function write({ file, source, corpus, smaller, output, publication }: Writing, work: Work) {
  const { tokens: _, before, kept } = smaller.counts
  await using hashing = hashModel(file)
  const model = await writePruned(
    smaller.model,
    { path: await publication.staged(output.model), destination: output.model },
    work,
  )
  const from = { path: work.label, bytes: bytesOf(file), ...(await hashing.digest()) }
  await writePlan(await publication.staged(output.plan), planOf(from, 1, [smaller.step]))
  const copy = new FolderCopy(output.copy!)
  const edits = (key: string, was: unknown, is: unknown) => [{ key, before: was, after: is }]
  copy.rewrite(TOKENIZER, { text: smaller.tokenizer, edits: edits('tokens', before, kept), warnings: [] })
  for (const path of source.configs) {
    const text = smaller.edited(await jsonIn(path))
    if (text !== undefined) copy.rewrite(basename(path), { text, edits: edits('vocab_size and ids', before, kept), warnings: [] })
  }
  for (const name of source.folder.companions)
    if (OTHER_FORMS.includes(name)) copy.leave({ path: name, reason: `it holds the old ids; ${TOKENIZER} says all that it says` })
  const name = relative(source.folder.path, source.path).split(sep).join('/')
  copy.describe(name, {
    ...{ file: name, sha256: from.sha256, bytes: { before: from.bytes, after: model.bytes } },
    removed: `${formatCount(before - kept)} of ${formatCount(before)} tokens removed`,
    steps: [`tokens that ${corpus.data.map((path) => basename(path)).join(', ')} never uses left the model and its tokenizer`],
    // Where it does not hold, nothing is written.
    measured: ['these texts become the same tokens, and the model gives the same numbers for them'],
  })
  const copied = await copy.stage(publication)
  const tokenizer = await publication.staged(join(copy.place.path, TOKENIZER))
  return { source: from, model, tokenizer, edits: copied.edits, left: copied.left }
}

interface Shown {
  readonly source: { readonly bytes: number }
  readonly model: FileFacts
  readonly edits: readonly { readonly file: string }[]
  readonly left: readonly { readonly path: string }[]
  readonly plan: string
}

function linesOf(
  { source, model, edits, left, plan }: Shown,
  counts: SmallerVocabulary['counts'],
  proof: RenamedComparison,
): string[] {
  const { kept, before, used, tokens } = counts
  return [
    `${model.path}  (${formatBytes(model.bytes)}; was ${formatBytes(source.bytes)})`,
    `  tokens   ${formatCount(before)} → ${formatCount(kept)} (${share(kept / before)}): the texts hold ${formatCount(tokens)}, ${formatCount(used)} of them different`,
    `  proof    ${describeRenamed(proof)}`,
    `  files    ${edits.map(({ file }) => file).join(', ')}`,
    ...(left.length === 0 ? [] : [`  left     ${left.map(({ path }) => path).join(', ')}`]),
    `  plan     ${plan}`,
  ]
}
