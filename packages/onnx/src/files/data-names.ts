import { open, readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { filesOf } from '../bytes/origin.js'
import type { Model } from '../model.js'
import { openModel } from './open.js'

/** What the files of external data beside a model are called. */
export interface DataNames {
  /** Name of the file for a tensor that was at this location. */
  nameOf(location: string | undefined): string
  /** Path of an empty file that keeps others from taking the name meanwhile. */
  readonly reserved?: string
}

/**
 * Run times in browsers find external data by name only, so names stay as they were: `model.onnx_data` and `model.onnx_data_1` of `model.onnx`, in the new name of
 * the model where it has another. One file with a name of its own keeps it where the model keeps its own, and no other model there reads such a file.
 * Everything else is one file, `<model>.data`. All lie beside the model, also what lay in a folder below. `destination` is where
 * the model is moved to once it is written.
 */
export async function dataNamesFor(model: Model, path: string, destination: string = path): Promise<DataNames> {
  const { paths, name, locations } = filesOf(model.proto)
  const usual = `${basename(path)}.data`
  const renamed = new Map(locations.map((location) => [location, renamedWith(name, location, basename(path))]))
  const targets = [...new Set(renamed.values())]
  const isRead = await Promise.all(
    targets.map(async (target) => paths.includes(await identity(join(dirname(destination), target ?? '')))),
  )
  if (!targets.includes(undefined) && !isRead.includes(true))
    return { nameOf: (location) => renamed.get(location ?? '') ?? targets[0] ?? usual }
  const [own = '', ...others] = locations.map(lastOf)
  const keeps =
    others.length === 0 &&
    basename(path) === name &&
    DATA.test(own) &&
    !paths.includes(await identity(join(dirname(destination), own)))
  const claim = keeps ? await claimed(own, path, destination) : undefined
  return claim === undefined ? { nameOf: () => usual } : { nameOf: () => own, ...(claim !== 'replaced' && { reserved: claim }) }
}

/** What is put behind the name of a model: 'model.onnx_data', 'model.onnx.data', 'model.onnx_data_1'. */
const SUFFIX = /^[._]data([._]\d{1,4})?$/

/** Names that only data have: a model must not put anything else into a folder. */
const DATA = /^\w[\w.-]{0,200}[._-](data|bin|weights|pb)([._]\d{1,4})?$/

/** Undefined where a location is not named after the model. */
function renamedWith(model: string | undefined, location: string, now: string): string | undefined {
  const file = lastOf(location)
  if (model === undefined || !file.startsWith(model)) return undefined
  const suffix = file.slice(model.length)
  return SUFFIX.test(suffix) ? `${now}${suffix}` : undefined
}

const lastOf = (location: string): string => location.split(/[/\\]/).at(-1) ?? ''

/** A file's own path, behind symbolic links; where there is no file yet, the path it will have. */
const identity = (path: string): Promise<string> => realpath(path).catch(() => resolve(path))

/** The path, once it is taken; 'replaced' where the model that is overwritten is the only one that reads what is there; undefined where others may. */
async function claimed(name: string, path: string, destination: string): Promise<string | undefined> {
  const folder = dirname(destination)
  const target = join(dirname(path), name)
  const exists = (file: string) =>
    stat(file).then(
      () => true,
      () => false,
    )
  const moves = folder !== dirname(path)
  if (!(moves && (await exists(join(folder, name))))) {
    const handle = await open(target, 'wx').catch(() => undefined)
    await handle?.close()
    if (handle !== undefined) return target
  }
  // Another model that is moved along has taken it.
  if (moves && (await exists(target))) return undefined
  const models = (await readdir(folder).catch(() => [])).filter((file) => file.endsWith('.onnx'))
  const readers = await Promise.all(
    models.map(async (file) => ((await locationsOf(join(folder, file))).includes(name) ? [file] : [])),
  )
  return readers.flat().join() === basename(path) ? 'replaced' : undefined
}

async function locationsOf(path: string): Promise<readonly string[]> {
  try {
    await using file = await openModel(path)
    return filesOf(file.model.proto).locations
  } catch {
    return []
  }
}
