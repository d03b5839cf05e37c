import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'
import type { YieldRequest } from '@pare/evaluate'
import { isModule } from '@pare/evaluate/choices'
import { present } from '@pare/onnx'
import { hashData, hashFile } from '../files/hash.js'
import { isPareError } from '../terminal/failure.js'
import { childOf, loaderFor, type Work } from './work.js'

/** What stands in the place of the hash of something of which nothing tells whether it changed. */
const UNKNOWN = 'not hashed'

/** The same with the reason, as the end of a sentence. */
export function notHashed(reason: string): string {
  return `${UNKNOWN}: ${reason}`
}

/** Why nothing tells whether a part changed; undefined where its hash does. */
export function whyNotHashed(part: string | undefined): string | undefined {
  if (part?.startsWith(UNKNOWN) !== true) return undefined
  return part.slice(UNKNOWN.length + 2) || 'an earlier version could not tell'
}

/** What runs data modules, so that what they yield is known: once for all models that have the same. */
export interface ModuleRunner extends Pick<Work, 'engine' | 'signal' | 'progress'> {
  /** What modules yielded, by their path and the number of samples. */
  readonly yields: Map<string, Promise<string>>
}

/** How data are read to be hashed. */
export interface DataReader {
  /** Default: modules are not run, and nothing is known of them */
  readonly runner?: ModuleRunner | undefined
  /** Only the first so many samples of a module count. Default: all */
  readonly samples?: number | undefined
}

/** Of one file or folder of data: the SHA-256 of everything that is read for it. */
export async function hashOfData(path: string, reader: DataReader): Promise<string> {
  if (!existsSync(path)) return 'none'
  try {
    return isModule(path) ? await hashOfYield(path, reader) : await hashWithFiles(path)
  } catch (error) {
    // What is wrong with the data is told where they are read for the model.
    if (!isPareError(error)) throw error
    return notHashed(error.message.replace(/\.$/, ''))
  }
}

/** Of a file that is no table whatever its name ends with, such as a config in JSON: its SHA-256. */
export async function hashOfFile(path: string): Promise<string> {
  if (!existsSync(path)) return 'none'
  await using hashing = hashData(path)
  return await hashing.digest()
}

/** A pass over the data that takes longer costs more than it can save. */
const YIELD_MS = 120_000

/** A module may read other files, or ask the network: only what it yields tells whether its samples changed. */
function hashOfYield(path: string, { runner, samples }: DataReader): Promise<string> {
  if (runner === undefined) return Promise.resolve(notHashed('a data module is code'))
  const key = `${samples ?? 'all'} ${path}`
  const hash = runner.yields.get(key) ?? readYield({ path, trusted: true, ...present({ most: samples }) }, runner)
  runner.yields.set(key, hash)
  return hash
}

async function readYield(request: YieldRequest, { engine, signal, progress }: ModuleRunner): Promise<string> {
  const { digestModule } = await import('@pare/evaluate')
  const activity = progress.begin(`${basename(request.path)}: reading what it yields`)
  try {
    return await digestModule(request, { ...childOf(engine), ...loaderFor([request.path]), signal, timeoutMs: YIELD_MS })
  } finally {
    activity.end()
  }
}

/** Of a table also that of the files that it names, as sha256sum lists them. */
async function hashWithFiles(path: string): Promise<string> {
  const { filesNamedBy } = await import('@pare/evaluate')
  const isFolder = (await stat(path)).isDirectory()
  const folder = isFolder ? path : dirname(path)
  const own = await digestOf(path)
  const names = await filesNamedBy(path)
  const inside = (name: string) => {
    const way = relative(folder, resolve(folder, name))
    return !way.startsWith('..') && !isAbsolute(way)
  }
  const odd = names.find((name) => !inside(name) || !existsSync(resolve(folder, name)))
  if (odd !== undefined) return notHashed(`it names ${odd}, which ${inside(odd) ? 'is not there' : 'lies elsewhere'}`)
  // The files of a folder are hashed with it, but for hidden ones.
  const others = isFolder ? names.filter((name) => /(^|[/\\])\.[^./\\]/.test(name)) : names
  if (others.length === 0) return own
  const whole = createHash('sha256').update(`${own}  .\n`)
  for (const name of others) {
    await using hashing = hashFile(resolve(folder, name))
    whole.update(`${await hashing.digest()}  ${name}\n`)
  }
  return whole.digest('hex')
}

async function digestOf(path: string): Promise<string> {
  await using hashing = hashData(path)
  return await hashing.digest()
}

/** Files beside a model or its data that say how these are read. */
export function filesBeside(what: string, path: string | undefined): Readonly<Record<string, string | undefined>> {
  if (path === undefined) return {}
  const beside = (name: string) => join(dirname(path), name)
  const [config, preprocessor] = [beside('config.json'), beside('preprocessor_config.json')]
  return {
    ...(existsSync(config) && { [`config.json beside ${what}`]: config }),
    ...(existsSync(preprocessor) && { [`preprocessor_config.json beside ${what}`]: preprocessor }),
  }
}
