import { resolve } from 'node:path'
import { isGlob } from '@pare/onnx'
import { globFiles } from '../../files/model-files.js'
import { isFolder, missingFile, showPath } from '../../files/paths.js'
import { type LocatedModel, modelsIn, openModelFolder } from '../../folder/model-folder.js'
import type { Config, ModelConfig } from '../../options/config.js'
import { type Check, orProblem } from '../check.js'
import { isWrittenInside, refuseOutside } from './workspace.js'

/** A model file with the config entry it belongs to. */
export interface ModelEntry extends LocatedModel {
  readonly model: Partial<ModelConfig>
  /** 'models[0]', or '' for a model that only the options name. */
  readonly place: string
}

/** Where models are named. */
interface ModelReading extends Check {
  readonly config: Config
}

/** The models that are named: those of the options with what the config says of them, or else those of the config. */
export async function expandModels(reading: ModelReading): Promise<readonly ModelEntry[]> {
  const asked = reading.overrides.models
  // Of a config beside models that are named, entries that are not asked for may be wrong.
  const entries = await configuredModels(asked === undefined ? reading : { ...reading, problems: [] })
  if (asked === undefined) return entries
  const choice: ModelEntry[] = []
  for (const pattern of asked) {
    for (const located of await expand(pattern, { folder: reading.cwd, place: '' }, reading)) {
      const { path } = located
      const { workspace } = reading
      if (workspace !== undefined && isWrittenInside(path, workspace)) await refuseFilesOutside(located, reading)
      const matches = entries.filter((entry) => entry.path === path)
      choice.push(...(matches.length > 0 ? matches : [{ ...located, model: {}, place: '' }]))
    }
  }
  return choice
}

async function configuredModels(reading: ModelReading): Promise<readonly ModelEntry[]> {
  const entries: ModelEntry[] = []
  for (const [index, model] of (reading.config.models ?? []).entries()) {
    const place = `models[${index}]`
    if (model?.path === undefined) continue
    // Before anything is looked for there.
    await refuseOutside(resolve(reading.folder, model.path), `model ${model.path}`, reading.workspace)
    for (const located of await expand(model.path, { folder: reading.folder, place: `${place}.path` }, reading)) {
      await refuseFilesOutside(located, reading)
      entries.push({ ...located, model, place })
    }
  }
  return entries
}

async function refuseFilesOutside({ path, next = path }: LocatedModel, { cwd, workspace }: ModelReading): Promise<void> {
  for (const file of new Set([path, next])) await refuseOutside(file, `model ${showPath(file, cwd)}`, workspace)
}

/** Files of a path, a folder or a glob, absolute and in order. None is a problem; the name itself stands in, so that the rest of its entry is checked too. */
async function expand(
  pattern: string,
  { folder, place }: { folder: string; place: string },
  check: Check,
): Promise<readonly LocatedModel[]> {
  const { problems } = check
  const literal = resolve(folder, pattern)
  const missing = await missingFile(literal)
  if (missing === undefined) return [{ path: literal }]
  if (await isFolder(literal)) {
    const opened = await orProblem(() => openModelFolder(literal), place, check)
    return opened === undefined ? [] : modelsIn(opened)
  }
  if (!isGlob(pattern)) {
    problems.push({ place, message: `model '${pattern}' is not a file: ${missing}.`, hint: 'check the path' })
    return [{ path: literal }]
  }
  const files = await globFiles(pattern, folder)
  if (files.length === 0) {
    problems.push({ place, message: `'${pattern}' matches no file in ${folder}.`, hint: 'check the glob' })
    return [{ path: literal }]
  }
  return files.map((path) => ({ path }))
}
