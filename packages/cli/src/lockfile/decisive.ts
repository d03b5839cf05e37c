import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BESIDE_TOKENIZER } from '@pare/evaluate/choices'
import { openModel, present } from '@pare/onnx'
import { installedVersion } from '@pare/onnxruntime'
import { filesBeside, hashOfData, hashOfFile, type ModuleRunner, notHashed, whyNotHashed } from '../engine/data-hash.js'
import type { Engine } from '../engine/work.js'
import { hashModel } from '../files/hash-model.js'
import { type PluginKind, readReference } from '../plugins/plugin-reference.js'
import { firstPartyNames } from '../plugins/plugins.js'
import { calibrationFiles } from '../settings/data/calibration.js'
import type { Partner } from '../settings/data/evaluation.js'
import { isFileMask } from '../settings/data/mask-file.js'
import type { Task } from '../settings/task.js'
import { packageVersion } from '../terminal/version.js'

/** Everything that decides the outcome of a model, by what it is. Two runs with equal parts have equal outcomes, but for the rounding of their machines. */
export type Decisive = Readonly<Record<string, string>>

/** With a runner, data modules are run, and what they yield is what they are. */
export async function decisiveOf(
  task: Task,
  { provider = 'cpu', onnxruntime }: Engine,
  runner?: ModuleRunner,
): Promise<Decisive> {
  const { evaluation, smallest, calibration, training, steps, source } = task
  const search = smallest?.evaluation.request.data
  const dataFiles = {
    'evaluation data': evaluation?.request.data,
    ...Object.fromEntries(
      (calibration === undefined ? [] : calibrationFiles(calibration.run)).map((path, i) => [
        `calibration data${i === 0 ? '' : ` ${i + 1}`}`,
        path,
      ]),
    ),
    'training data': training?.data,
    'search data': search === evaluation?.request.data ? undefined : search,
    examples: evaluation?.request.examples,
  }
  const settingFiles = {
    ...tokenizers('tokenizer', evaluation?.request.text?.tokenizer),
    ...tokenizers("calibration's tokenizer", calibration?.run.text?.tokenizer),
    ...tokenizers("training's tokenizer", training?.text?.tokenizer),
    ...Object.fromEntries(
      steps.flatMap(({ criterion }, i) => (isFileMask(criterion) ? [[`mask of step ${i + 1}`, criterion.path]] : [])),
    ),
    ...filesBeside('the model', task.pair?.models.first ?? task.path),
    ...filesBeside('the evaluation data', evaluation?.request.data),
  }
  const hashes = await Promise.all(
    Object.entries(present(dataFiles)).map(async ([what, path]) => {
      const samples = what.startsWith('calibration data') ? calibration?.run.samples : undefined
      return [what, await hashOfData(path, { runner, samples })] as const
    }),
  )
  const settingHashes = await Promise.all(
    Object.entries(present(settingFiles)).map(async ([what, path]) => [what, await hashOfFile(path!)] as const),
  )
  return {
    ...(await modelHashes(task.path)),
    ...(evaluation?.partner && (await partnerHashes(evaluation.partner))),
    ...Object.fromEntries(hashes),
    ...Object.fromEntries(settingHashes),
    ...Object.fromEntries(pluginsOf(task).map((name) => [`plugin ${name}`, notHashed('it is code')])),
    ...Object.fromEntries((evaluation?.commands ?? []).map((run) => [`command '${run}'`, notHashed('it may read anything')])),
    // With what files of settings say: curves of an allocation, names of classes.
    settings: settingsHash({
      source,
      allocations: steps.map(({ allocation }) => allocation),
      classes: evaluation?.request.classes,
      // With the pooling that a file beside the model says.
      metrics: evaluation?.request.metrics,
    }),
    // What the search for the smallest goes by decides the model that is judged.
    ...(task.first?.smallest &&
      of(`of ${task.first.name}`, await decisiveOf(task.first, { provider, ...present({ onnxruntime }) }, runner))),
    pare: packageVersion(),
    'ONNX Runtime': installedVersion(onnxruntime),
    'execution provider': provider,
  }
}

/** Whether two runs had nothing that could make their outcomes differ. */
export function decidesTheSame(one: Decisive, other: Decisive): boolean {
  const parts = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...parts].every((part) => one[part] === other[part] && whyNotHashed(one[part]) === undefined)
}

/** What differs, in the order of the second. What nothing is known of may differ or not. */
export function changedParts(before: Decisive, after: Decisive): readonly string[] {
  return [...new Set([...Object.keys(after), ...Object.keys(before)])].filter(
    (part) => before[part] !== after[part] && unknown(part, before, after) === undefined,
  )
}

/** Parts of which nothing tells whether they differ, and why. */
export function unknownParts(before: Decisive, after: Decisive): readonly UnknownPart[] {
  return Object.keys(after).flatMap((part) => {
    const why = part in before ? unknown(part, before, after) : undefined
    return why === undefined ? [] : [{ part, why }]
  })
}

export interface UnknownPart {
  readonly part: string
  /** The end of a sentence. */
  readonly why: string
}

function unknown(part: string, before: Decisive, after: Decisive): string | undefined {
  return whyNotHashed(after[part]) ?? whyNotHashed(before[part])
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
function pluginsOf({ source: { prune }, evaluation }: Task): readonly string[] {
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

async function partnerHashes({ role, original }: Partner): Promise<Decisive> {
  return of(`of its ${role}`, await modelHashes(original))
}

function of(whose: string, parts: Decisive): Decisive {
  return Object.fromEntries(Object.entries(parts).map(([part, hash]) => [`${part} ${whose}`, hash]))
}

async function modelHashes(path: string): Promise<Decisive> {
  await using file = await openModel(path)
  await using hashing = hashModel(file)
  const { sha256, external = [] } = await hashing.digest()
  return { model: sha256, ...Object.fromEntries(external.map((part) => [`external data ${part.name}`, part.sha256])) }
}

/** Of everything that options and config say of a model. Objects that a config imports are code. */
function settingsHash(settings: unknown): string {
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
  const text = JSON.stringify(canonical(settings))
  return isCode ? notHashed('the config holds code') : createHash('sha256').update(text).digest('hex')
}
