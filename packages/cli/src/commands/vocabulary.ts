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
import { type ModelFolder, modelsIn, openModelFolder } from '../folder/model-folder.js'
import { type OptionValues, ownOf } from '../options/overrides.js'
import { bytesOf } from '../pipeline/facts/facts.js'
import { type FileFacts, writePruned } from '../pipeline/result-files.js'
import {
  type Corpus,
  describeRenamed,
  jsonIn,
  proveVocabulary,
  type SmallerModel,
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

/** `pare vocabulary MODEL --text FILE`: the model, all files of it, and its tokenizer without the tokens that the texts never use. */
export async function vocabulary(context: Context, [written = '']: readonly string[], values: OptionValues): Promise<number> {
  const { io } = context
  const start = io.now()
  const { text = [], keep = [], tokenizer, field, windows = WINDOWS, out } = ownOf('vocabulary', values)
  const source = await sourceOf(written, tokenizer, io.cwd)
  const [data, lists] = [await filesNamed(text, 'text', io.cwd), await filesNamed(keep, 'keep', io.cwd)]
  const corpus = { data, keep: lists, text: { tokenizer: source.tokenizer, ...present({ field }) } }
  const work = workOn({ name: written }, {}, context)
  const opened: ModelFile[] = []
  try {
    for (const path of source.paths) opened.push(await openModel(path))
    const models = opened.map(({ model }, i) => ({ model, path: source.paths[i]! }))
    const smaller = await shrinkVocabulary({ models, corpus, configs: source.configs }, work)
    const files: FileVocabulary[] = []
    for (const [i, file] of opened.entries()) {
      const path = source.paths[i]!
      const output = await outputFiles({ path, folder: source.folder }, { cwd: io.cwd, out })
      files.push({ file, path, output, smaller: smaller.models[i]! })
    }
    const { output } = files[0]!
    await refuseForeign(output.copy!)
    const owned = files.flatMap((each) => companionsOf(each.output))
    await using publication = await Publication.open(output.folder, { owned })
    await publication.protect([...opened.flatMap(filesOf), source.tokenizer, ...data, ...lists, ...source.configs])
    const made = await write({ files, source, corpus, smaller, publication }, work)
    const proofs: RenamedComparison[] = []
    for (const { source: model, model: smallerModel, step } of made.models) {
      const reference = { model, text: corpus.text }
      const other = { model: smallerModel.path, text: { ...corpus.text, tokenizer: made.tokenizer } }
      proofs.push(await proveVocabulary({ reference, other, corpus, step, windows }, work))
    }
    await publishAll(publication, context)
    const shown = files.map(({ output: own }, i) => ({
      ...made.models[i]!,
      ...{
        model: { ...made.models[i]!.model, path: showPath(own.model, io.cwd) },
        plan: showPath(own.plan, io.cwd),
        proof: proofs[i]!,
      },
    }))
    const documents = shown.map(({ from, model, plan, proof }) => ({ model: from, output: model, plan: { path: plan }, proof }))
    answer(context, {
      ...{ schemaVersion: 1, command: 'vocabulary', ...documents[0]! },
      ...(documents.length > 1 && { models: documents }),
      ...{ tokens: smaller.counts, edits: made.edits, left: made.left },
      durationMs: io.now() - start,
    })
    say(context, { shown, made }, (all) => linesOf(all, smaller.counts).join('\n'))
    return EXIT.pass
  } finally {
    for (const file of opened) await file[Symbol.asyncDispose]()
  }
}

/** One file of the model with what becomes of it. */
interface FileVocabulary {
  readonly file: ModelFile
  readonly path: string
  readonly output: OutputFiles
  readonly smaller: SmallerModel
}

/** A model with its tokenizer, and what goes with them. */
interface Source {
  /** Absolute paths of its files. */
  readonly paths: readonly string[]
  readonly folder: ModelFolder
  /** Absolute path. */
  readonly tokenizer: string
  /** Absolute paths of files that name tokens by their ids. */
  readonly configs: readonly string[]
}

/** Of a model that is named alone, the files beside it that speak of tokens go with it. */
async function sourceOf(written: string, chosen: string | undefined, cwd: string): Promise<Source> {
  const named = resolve(cwd, written)
  const isWhole = await isFolder(named)
  const folder = isWhole ? await openModelFolder(named) : await alone(named)
  const paths = isWhole ? modelsIn(folder).flatMap(({ path, next }) => [path, ...(next === undefined ? [] : [next])]) : [named]
  const tokenizer = chosen === undefined ? join(folder.path, TOKENIZER) : resolve(cwd, chosen)
  const missing = await missingFile(tokenizer)
  if (missing !== undefined)
    throw usage(
      `pare vocabulary: ${chosen ?? `no ${TOKENIZER} beside ${written}`}${chosen === undefined ? '' : ` is not a file: ${missing}`}.`,
      'name the tokenizer of the model: --tokenizer tokenizer.json',
    )
  const configs = folder.companions.filter((name) => CONFIGS.includes(name)).map((name) => join(folder.path, name))
  const companions = [...new Set([...folder.companions, TOKENIZER])]
  return { paths, folder: { ...folder, companions }, tokenizer, configs }
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

async function filesNamed(files: readonly string[], option: 'text' | 'keep', cwd: string): Promise<readonly string[]> {
  const paths = files.map((file) => resolve(cwd, file))
  for (const [i, path] of paths.entries()) {
    const missing = (await isFolder(path)) ? undefined : await missingFile(path)
    if (missing !== undefined)
      throw usage(
        `pare vocabulary: ${option} '${files[i]}' is not a file: ${missing}.`,
        option === 'text'
          ? 'give texts as the model will meet them: --text corpus.txt'
          : 'give a file with a token, id:42, language:de or script:Cyrl on each line',
      )
  }
  return paths
}

interface Writing {
  readonly files: readonly FileVocabulary[]
  readonly source: Source
  readonly corpus: Corpus
  readonly smaller: SmallerVocabulary
  readonly publication: Publication
}

/** Writes everything to where it is published from. */
async function write({ files, source, corpus, smaller, publication }: Writing, work: Work) {
  const { before, kept } = smaller.counts
  const copy = new FolderCopy(files[0]!.output.copy!)
  const models = []
  for (const { file, path, output, smaller: own } of files) {
    await using hashing = hashModel(file)
    const model = await writePruned(own.model, { path: await publication.staged(output.model), destination: output.model }, work)
    const name = relative(source.folder.path, path).split(sep).join('/')
    const from = {
      path: files.length === 1 ? work.label : `${work.label}/${name}`,
      bytes: bytesOf(file),
      ...(await hashing.digest()),
    }
    await writePlan(await publication.staged(output.plan), planOf(from, 1, [own.step]))
    copy.describe(name, {
      ...{ file: name, sha256: from.sha256, bytes: { before: from.bytes, after: model.bytes } },
      removed: `${formatCount(before - kept)} of ${formatCount(before)} tokens removed`,
      steps: [`tokens that ${corpus.data.map((each) => basename(each)).join(', ')} never uses left the model and its tokenizer`],
      // Where it does not hold, nothing is written.
      measured: ['these texts become the same tokens, and the model gives the same numbers for them'],
    })
    models.push({ source: path, step: own.step, from, model })
  }
  const edits = (key: string, was: unknown, is: unknown) => [{ key, before: was, after: is }]
  copy.rewrite(TOKENIZER, { text: smaller.tokenizer, edits: edits('tokens', before, kept), warnings: [] })
  for (const path of source.configs) {
    const text = smaller.edited(await jsonIn(path))
    if (text !== undefined) copy.rewrite(basename(path), { text, edits: edits('vocab_size and ids', before, kept), warnings: [] })
  }
  for (const name of source.folder.companions)
    if (OTHER_FORMS.includes(name)) copy.leave({ path: name, reason: `it holds the old ids; ${TOKENIZER} says all that it says` })
  const copied = await copy.stage(publication)
  const tokenizer = await publication.staged(join(copy.place.path, TOKENIZER))
  return { models, tokenizer, edits: copied.edits, left: copied.left }
}

interface Shown {
  readonly shown: readonly {
    readonly from: { readonly bytes: number }
    readonly model: FileFacts
    readonly plan: string
    readonly proof: RenamedComparison
  }[]
  readonly made: { readonly edits: readonly { readonly file: string }[]; readonly left: readonly { readonly path: string }[] }
}

function linesOf({ shown, made: { edits, left } }: Shown, counts: SmallerVocabulary['counts']): string[] {
  const { kept, before, used, tokens, listed } = counts
  const lists = listed === 0 ? '' : `; lists name ${formatCount(listed)}`
  return [
    ...shown.map(({ model, from }) => `${model.path}  (${formatBytes(model.bytes)}; was ${formatBytes(from.bytes)})`),
    `  tokens   ${formatCount(before)} → ${formatCount(kept)} (${share(kept / before)}): the texts hold ${formatCount(tokens)}, ${formatCount(used)} of them different${lists}`,
    ...shown.map(({ proof }) => `  proof    ${describeRenamed(proof)}`),
    `  files    ${edits.map(({ file }) => file).join(', ')}`,
    ...(left.length === 0 ? [] : [`  left     ${left.map(({ path }) => path).join(', ')}`]),
    ...shown.map(({ plan }) => `  plan     ${plan}`),
  ]
}
