import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { BESIDE_TOKENIZER, isModule } from '@pare/evaluate/choices'
import { openModel, present } from '@pare/onnx'
import { installedVersion } from '@pare/onnxruntime'
import type { Engine } from '../engine/work.js'
import { hashData, hashFile } from '../files/hash.js'
import { hashModel } from '../files/hash-model.js'
import { type PluginKind, readReference } from '../plugins/plugin-reference.js'
import { firstPartyNames } from '../plugins/plugins.js'
import { calibrationFiles } from '../settings/data/calibration.js'
import { isFileMask } from '../settings/data/mask-file.js'
import type { Task } from '../settings/tasks.js'
import { packageVersion } from '../terminal/version.js'

/** Everything that decides the outcome of a model, by what it is. Two runs with equal parts have equal outcomes, but for the rounding of their machines. */
export type Decisive = Readonly<Record<string, string>>

/** What stands in the place of a part that is code, or names files elsewhere, of which nothing tells whether it changed. */
const UNKNOWN = 'not hashed'

export async function decisiveOf(task: Task, { provider = 'cpu', onnxruntime }: Engine): Promise<Decisive> {
  const { evaluation, smallest, calibration, training, steps, said } = task
  const search = smallest?.evaluation.request.data
  const files = {
    'evaluation data': evaluation?.request.data,
    ...Object.fromEntries(
      (calibration === undefined ? [] : calibrationFiles(calibration.run)).map((path, i) => [
        `calibration data${i === 0 ? '' : ` ${i + 1}`}`,
        path,
      ]),
    ),
    'training data': training?.data,
    'search data': search === evaluation?.request.data ? undefined : search,
    ...tokenizers('tokenizer', evaluation?.request.text?.tokenizer),
    ...tokenizers("calibration's tokenizer", calibration?.run.text?.tokenizer),
    ...tokenizers("training's tokenizer", training?.text?.tokenizer),
    ...Object.fromEntries(
      steps.flatMap(({ criterion }, i) => (isFileMask(criterion) ? [[`mask of step ${i + 1}`, criterion.path]] : [])),
    ),
    ...besides('the model', task.pair?.models.first ?? task.path),
    ...besides('the evaluation data', evaluation?.request.data),
  }
  const hashes = await Promise.all(
    Object.entries(present(files)).map(async ([what, path]) => [what, await hashOf(path)] as const),
  )
  return {
    ...(await modelHashes(task.path)),
    ...Object.fromEntries(hashes),
    ...Object.fromEntries(pluginsOf(task).map((name) => [`plugin ${name}`, UNKNOWN])),
    // With what files of settings say: curves of an allocation, names of classes.
    settings: settingsHash({
      said,
      allocations: steps.map(({ allocation }) => allocation),
      classes: evaluation?.request.classes,
    }),
    pare: packageVersion(),
    'ONNX Runtime': installedVersion(onnxruntime),
    'execution provider': provider,
  }
}

async function hashOf(path: string): Promise<string> {
  if (isModule(path)) return UNKNOWN
  if (!existsSync(path)) return 'none'
  if (await namesFiles(path)) return await hashWithFiles(path)
  await using hashing = hashData(path)
  return await hashing.digest()
}

/** Whether a table may name images or sounds, as far as its beginning tells. */
async function namesFiles(path: string): Promise<boolean> {
  if (!/\.(csv|tsv|jsonl)$/i.test(path)) return false
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(1 << 16), 0, 1 << 16, 0)
  return /\.(png|jpe?g|webp|wav)\b/i.test(buffer.toString('latin1', 0, bytesRead))
}

/** Of a table and the files that it names, as sha256sum lists them. Not hashed: one of them lies elsewhere than below the table, or is not there. */
async function hashWithFiles(path: string): Promise<string> {
  const { filesNamedBy } = await import('@pare/evaluate')
  const folder = dirname(path)
  const whole = createHash('sha256').update(`${await fileHash(path)}  .\n`)
  for (const name of await filesNamedBy(path)) {
    const file = resolve(folder, name)
    if (relative(folder, file).startsWith('..') || isAbsolute(relative(folder, file)) || !existsSync(file)) return UNKNOWN
    whole.update(`${await fileHash(file)}  ${name}\n`)
  }
  return whole.digest('hex')
}

async function fileHash(path: string): Promise<string> {
  await using hashing = hashFile(path)
  return await hashing.digest()
}

/** Files beside a model or its data that say how these are read. */
function besides(what: string, path: string | undefined): Readonly<Record<string, string | undefined>> {
  if (path === undefined) return {}
  const beside = (name: string) => join(dirname(path), name)
  const [config, preprocessor] = [beside('config.json'), beside('preprocessor_config.json')]
  return {
    ...(existsSync(config) && { [`config.json beside ${what}`]: config }),
    ...(existsSync(preprocessor) && { [`preprocessor_config.json beside ${what}`]: preprocessor }),
  }
}

/** Whether two runs had nothing that could make their outcomes differ. */
export function decidesTheSame(one: Decisive, other: Decisive): boolean {
  const parts = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...parts].every((part) => one[part] === other[part] && one[part] !== UNKNOWN)
}

/** What differs, in the order of the second. */
export function changedParts(before: Decisive, after: Decisive): readonly string[] {
  return [...new Set([...Object.keys(after), ...Object.keys(before)])].filter((part) => before[part] !== after[part])
}

function tokenizers(what: string, path: string | undefined): Readonly<Record<string, string | undefined>> {
  if (path === undefined) return {}
  const beside = (name: string) => join(dirname(path), name)
  const [settings] = BESIDE_TOKENIZER.settings
  const others = [...BESIDE_TOKENIZER.templates, ...BESIDE_TOKENIZER.ends].filter((name) => existsSync(beside(name)))
  return {
    [what]: path,
    [`settings of the ${what}`]: beside(settings),
    ...Object.fromEntries(others.map((name) => [`${name} beside the ${what}`, beside(name)])),
  }
}

const PLUGIN_FIELDS = { preset: 'preset', criterion: 'criterion', refit: 'criterion', structure: 'structure' } as const

/** Names of plugins that do not come with pare. */
function pluginsOf({ said: { prune }, evaluation }: Task): readonly string[] {
  const steps = 'preset' in prune ? [prune] : prune
  const foreign = steps.flatMap((step) =>
    Object.entries(PLUGIN_FIELDS).flatMap(([field, kind]) => {
      const setting = (step as Readonly<Record<string, unknown>>)[field]
      const name = nameOf(kind, setting)
      return name === undefined || firstPartyNames(kind).includes(name.replace(`@pare/${kind}-`, '')) ? [] : [name]
    }),
  )
  return [...foreign, ...Object.keys(evaluation?.request.modules ?? {})]
}

/** Of a plugin as text or { name }; an imported one is code, which the settings tell. */
function nameOf(kind: PluginKind, setting: unknown): string | undefined {
  if (typeof setting === 'string') return readReference(kind, setting).name
  const name = (setting as { readonly name?: unknown } | undefined)?.name
  return typeof name === 'string' ? name : undefined
}

async function modelHashes(path: string): Promise<Decisive> {
  await using file = await openModel(path)
  await using hashing = hashModel(file)
  const { sha256, external = [] } = await hashing.digest()
  return { model: sha256, ...Object.fromEntries(external.map((part) => [`external data ${part.name}`, part.sha256])) }
}

/** Of everything that options and config say of a model. Objects that a config imports are code. */
function settingsHash(said: unknown): string {
  let isCode = false
  const canonical = (value: unknown): unknown => {
    if (typeof value === 'function') isCode = true
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map(canonical)
    if (Object.getPrototypeOf(value) !== Object.prototype) isCode = true
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, each]) => [key, canonical(each)]),
    )
  }
  const text = JSON.stringify(canonical(said))
  return isCode ? UNKNOWN : createHash('sha256').update(text).digest('hex')
}
