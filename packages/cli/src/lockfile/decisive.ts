import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isModule } from '@pare/evaluate/choices'
import { openModel, present } from '@pare/onnx'
import { installedVersion } from '@pare/onnxruntime'
import type { Engine } from '../engine/work.js'
import { hashData } from '../files/hash.js'
import { hashModel } from '../files/hash-model.js'
import { type PluginKind, readReference } from '../plugins/plugin-reference.js'
import { firstPartyNames } from '../plugins/plugins.js'
import { isFileMask } from '../settings/mask-file.js'
import type { Task } from '../settings/tasks.js'
import { packageVersion } from '../terminal/version.js'

/** Everything that decides the outcome of a model, by what it is. Two runs with equal parts have equal outcomes, but for the rounding of their machines. */
export type Decisive = Readonly<Record<string, string>>

/** What stands in the place of a part that is code, of which nothing tells whether it changed. */
const CODE = 'code that is not hashed'

export async function decisiveOf(task: Task, { provider = 'cpu', onnxruntime }: Engine): Promise<Decisive> {
  const { evaluation, calibration, training, steps, said } = task
  const files = {
    'evaluation data': evaluation?.request.data,
    'calibration data': calibration?.run.data,
    'training data': training?.data,
    ...tokenizers('tokenizer', evaluation?.request.text?.tokenizer),
    ...tokenizers("calibration's tokenizer", calibration?.run.text?.tokenizer),
    ...tokenizers("training's tokenizer", training?.text?.tokenizer),
    ...Object.fromEntries(
      steps.flatMap(({ criterion }, i) => (isFileMask(criterion) ? [[`mask of step ${i + 1}`, criterion.path]] : [])),
    ),
  }
  const hashes = await Promise.all(
    Object.entries(present(files)).map(async ([what, path]) => [what, await hashOf(path)] as const),
  )
  return {
    ...(await modelHashes(task.path)),
    ...Object.fromEntries(hashes),
    ...Object.fromEntries(pluginsOf(said).map((name) => [`plugin ${name}`, CODE])),
    settings: settingsHash(said),
    pare: packageVersion(),
    'ONNX Runtime': installedVersion(onnxruntime),
    'execution provider': provider,
  }
}

async function hashOf(path: string): Promise<string> {
  if (isModule(path)) return CODE
  if (!existsSync(path)) return 'none'
  await using hashing = hashData(path)
  return await hashing.digest()
}

/** Whether two runs had nothing that could make their outcomes differ. */
export function decidesTheSame(one: Decisive, other: Decisive): boolean {
  const parts = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...parts].every((part) => one[part] === other[part] && one[part] !== CODE)
}

/** What differs, in the order of the second. */
export function changedParts(before: Decisive, after: Decisive): readonly string[] {
  return [...new Set([...Object.keys(after), ...Object.keys(before)])].filter((part) => before[part] !== after[part])
}

function tokenizers(what: string, path: string | undefined): Readonly<Record<string, string | undefined>> {
  if (path === undefined) return {}
  return { [what]: path, [`settings of the ${what}`]: join(dirname(path), 'tokenizer_config.json') }
}

/** Names of plugins that do not come with pare. */
function pluginsOf({ prune }: Task['said']): readonly string[] {
  const references = ('preset' in prune ? [prune] : prune).flatMap((step) =>
    (['preset', 'criterion', 'structure'] as const).flatMap((kind) => {
      const setting = (step as Partial<Record<PluginKind, unknown>>)[kind]
      return typeof setting === 'string' ? [{ kind, name: readReference(kind, setting).name }] : []
    }),
  )
  return references
    .filter(({ kind, name }) => !firstPartyNames(kind).includes(name.replace(`@pare/${kind}-`, '')))
    .map(({ name }) => name)
}

async function modelHashes(path: string): Promise<Decisive> {
  await using file = await openModel(path)
  await using hashing = hashModel(file)
  const { sha256, external = [] } = await hashing.digest()
  return { model: sha256, ...Object.fromEntries(external.map((part) => [`external data ${part.name}`, part.sha256])) }
}

/** Of everything that options and config say of a model. Objects that a config imports are code. */
function settingsHash(said: Task['said']): string {
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
  return isCode ? CODE : createHash('sha256').update(text).digest('hex')
}
