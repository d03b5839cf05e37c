import { createHash, type Hash } from 'node:crypto'
import { basename, dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PareError, present } from '@pare/onnx'
import type { DataOptions } from './data-options.js'
import type { DataSet } from './dataset.js'
import { entryDataSet } from './entries.js'
import { checkFile } from './file.js'
import { UNTRUSTED_HINT } from './formats.js'
import { classFinder } from './labels/classes.js'
import { type DataArray, isStrings, type SampleArrays } from './ndarray.js'
import { UntrustedError } from './rows/inside.js'
import { arraysOf, type Sample } from './rows/sample.js'

/** The samples that a module exports, as data for a model. Throws UntrustedError for a module that may not be run. */
export async function openModule(path: string, options: DataOptions): Promise<DataSet> {
  const name = basename(path)
  const samples = await samplesOf(path, options)
  const { models = [], classes, trusted } = options
  const folder = dirname(path)
  const folders = [...models.map((model) => dirname(model)), folder]
  const findClasses = classFinder({ models, folders, boundary: { trusted, root: folder }, ...present({ classes }) })
  const source = {
    ...{ name, isSmall: false, notes: [], columnNames: [] as string[] },
    async *read() {
      for await (const arrays of samples()) yield { arrays, columns: {} }
    },
  }
  return { ...(await entryDataSet(source, { ...options, findClasses })), findClasses }
}

/** A module whose samples are read for what they are. */
export interface YieldRequest {
  /** Absolute path of the module. */
  readonly path: string
  /** Only the first so many samples. Default: all */
  readonly most?: number
  /** Whether it may be run. Default: false */
  readonly trusted?: boolean
}

/**
 * The SHA-256 of all that a module yields, in its order: names, types, shapes and elements. Two modules with equal digests yield equal samples, whatever their code is
 * and whichever files they read. Throws as `openModule` does.
 */
export async function digestOfYield({ path, most = Number.POSITIVE_INFINITY, trusted = false }: YieldRequest): Promise<string> {
  const samples = await samplesOf(path, { trusted })
  const hash = createHash('sha256')
  let count = 0
  if (most > 0) {
    for await (const arrays of samples()) {
      hash.update(`sample ${arrays.size}\n`)
      for (const [name, array] of [...arrays].sort(([a], [b]) => (a < b ? -1 : 1))) hashArray(hash, name, array)
      if (++count >= most) break
    }
  }
  return hash.digest('hex')
}

/** What comes before the elements says where they end, so that no two samples are the same bytes. */
function hashArray(hash: Hash, name: string, array: DataArray): void {
  hash.update(JSON.stringify([name, array.type, array.shape, isStrings(array) ? array.data : undefined]))
  if (isStrings(array)) return
  const { buffer, byteOffset, byteLength } = array.data
  hash.update(new Uint8Array(buffer, byteOffset, byteLength))
}

/** What the module exports, loaded now, to be read as often as asked. */
async function samplesOf(
  path: string,
  { trusted, importModule }: Pick<DataOptions, 'trusted' | 'importModule'>,
): Promise<() => AsyncGenerator<SampleArrays>> {
  const name = basename(path)
  if (!trusted) {
    throw new UntrustedError(`${path}: a data module is not run on untrusted input.`, {
      hint: `${UNTRUSTED_HINT}, or run where the code is trusted.`,
    })
  }
  await checkFile(path)
  const load = importModule ?? ((file) => import(pathToFileURL(file).href) as Promise<unknown>)
  const module = (await load(resolve(path)).catch((cause: Error) => {
    throw new PareError(`${path}: the module does not load (${cause.message}).`, {
      hint: 'run it with node to see where it fails.',
      cause,
    })
  })) as { default?: unknown }
  const exported = defaultOf(module)
  return async function* () {
    const iterable: unknown = typeof exported === 'function' ? await exported() : exported
    if (!isIterable(iterable)) {
      throw new PareError(
        `${path}: its default export is ${iterable === undefined ? 'missing' : `of type ${typeof iterable}`}, expected samples.`,
        {
          hint: 'export default an (async) iterable of { input: [0.1, 0.2], label: 3 }, or a function that returns one.',
        },
      )
    }
    let index = 0
    for await (const sample of iterable) yield arraysOf(sample, `${name}: sample ${index++}`)
  }
}

/** The default export. Loaders of TypeScript may give a CommonJS module, whose own default lies one deeper. */
function defaultOf({ default: outer }: { default?: unknown }): unknown {
  return typeof outer === 'object' && outer !== null && 'default' in outer ? outer.default : outer
}

function isIterable(value: unknown): value is AsyncIterable<Sample> {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
}
