import { lstat, mkdir, mkdtemp, readdir, realpath, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { openRegular, parseJson, writeWhole } from '@pare/onnx'
import { Failure, usage } from '../terminal/failure.js'
import { holderOf, isLock, type Lock, type Owner, ownMark, takeLock } from './lock.js'
import { makeFolder } from './make-folder.js'
import { isVerdict, VERDICT_FILES } from './output.js'

export interface PublicationOptions {
  /** Every file that the command may make. What an earlier one left under these names, and this one does not make, goes. */
  readonly owned: readonly string[]
  /** True: a second command of this kind in the folder is refused until this one has ended. Default: false */
  readonly exclusive?: boolean
}

/**
 * The results of one command on their way into a folder. They are written into a folder of their own inside it, where nobody else looks or
 * writes, and are put in their places together once all are complete. Disposed of before, nothing has changed.
 */
export class Publication implements AsyncDisposable {
  readonly folder: string
  readonly #owned: readonly string[]
  readonly #staging: string
  readonly #lock: Lock | undefined
  /** The topmost folder that was made for it. */
  readonly #made: string | undefined
  /** Real paths. */
  readonly #inputs = new Set<string>()
  readonly #spent: string[] = []

  private constructor(
    folder: string,
    owned: readonly string[],
    own: { staging: string; lock: Lock | undefined; firstFolder: string | undefined },
  ) {
    this.folder = folder
    this.#owned = owned
    this.#staging = own.staging
    this.#lock = own.lock
    this.#made = own.firstFolder
  }

  /** Makes the folder, as far as it is not there. Throws a Failure where that cannot be, or another command has it for itself. */
  static async open(folder: string, { owned, exclusive = false }: PublicationOptions): Promise<Publication> {
    const firstFolder = await makeFolder(folder)
    const lock = exclusive ? await lockFolder(folder) : undefined
    try {
      await removeAbandoned(folder)
      const staging = await mkdtemp(join(folder, STAGING))
      await writeWhole(join(staging, OWNER), ownMark())
      return new Publication(folder, owned, { staging, lock, firstFolder })
    } catch (error) {
      await lock?.[Symbol.asyncDispose]()
      if (firstFolder !== undefined) await removeEmpty(folder, firstFolder)
      throw error
    }
  }

  /** Where the file that will be `path` is written until then. Its folder is there. */
  async staged(path: string): Promise<string> {
    const place = join(this.#staging, FILES, relative(this.folder, path))
    await mkdir(dirname(place), { recursive: true })
    return place
  }

  /** These files are read, and never replaced. Throws a Failure where a result would be. */
  async protect(inputs: readonly string[]): Promise<void> {
    for (const input of inputs) this.#inputs.add(await realpath(input))
    for (const path of this.#owned) await this.#refuseInput(path)
  }

  /** These files and folders are removed once everything is in its place: until then somebody may have to start again from them. */
  spend(paths: readonly string[]): void {
    this.#spent.push(...paths)
  }

  /** A text with the places that files will have instead of those that they have until then. */
  named(text: string): string {
    return text.replaceAll(join(this.#staging, FILES), () => this.folder)
  }

  /**
   * Puts everything in its place, the verdict last. A verdict of an earlier run on what is replaced goes first: it is at no time beside a file
   * that it did not judge. Gives the verdicts that were removed, by their `results.json`.
   */
  async publish(): Promise<readonly string[]> {
    const lock = await takeLock(join(this.folder, '.pare-publish.lock'), { waitMs: PUBLISH_WAIT_MS })
    if (!isLock(lock)) throw inUse(this.folder, lock, join(this.folder, '.pare-publish.lock'))
    await using _ = lock
    const names = await filesBelow(join(this.#staging, FILES))
    const places = names.map((name) => ({ from: join(this.#staging, FILES, name), to: join(this.folder, name) }))
    for (const { to } of places) await this.#checkPlace(to)
    const leftovers = this.#owned.filter((path) => !places.some(({ to }) => to === path))
    const verdicts = await verdictsOn([...places.map(({ to }) => to), ...leftovers])
    const own = places.some(({ to }) => isVerdict(to, this.folder)) ? [this.folder] : []
    for (const folder of new Set([...own, ...verdicts]))
      for (const name of VERDICT_FILES) await rm(join(folder, name), { force: true })
    for (const path of leftovers) await rm(path, { force: true })
    for (const { from, to } of ordered(places, this.folder)) await rename(from, to)
    for (const path of this.#spent) await rm(path, { force: true, recursive: true })
    return verdicts.filter((folder) => !own.includes(folder)).map((folder) => join(folder, 'results.json'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#staging, { recursive: true, force: true })
    await this.#lock?.[Symbol.asyncDispose]()
    if (this.#made !== undefined) await removeEmpty(this.folder, this.#made)
  }

  /** Makes the folder of a result. It must be inside this one without a link on the way, and its name must be free or a file's. */
  async #checkPlace(path: string): Promise<void> {
    await this.#refuseInput(path)
    await mkdir(dirname(path), { recursive: true })
    const real = await realpath(dirname(path))
    const expected = join(await realpath(this.folder), relative(this.folder, dirname(path)))
    if (real !== expected)
      throw usage(
        `pare: ${dirname(path)} is reached through a link, to ${real}.`,
        'remove the link, or choose another folder with --out',
      )
    if ((await lstat(path).catch(() => undefined))?.isDirectory())
      throw usage(
        `pare: ${path} is a folder, and a file of this name is to be written.`,
        'remove it, or choose another folder with --out',
      )
  }

  async #refuseInput(output: string): Promise<void> {
    const real = await realpath(output).catch(() => resolve(output))
    if (!this.#inputs.has(real)) return
    throw usage(
      `pare: the output ${output} is an input itself, and inputs are never overwritten.`,
      'choose another folder with --out',
    )
  }
}

const STAGING = '.pare-staging-'
const OWNER = 'owner.json'
const FILES = 'files'
/** Putting files in their places takes no time worth mentioning: it is only renaming. */
const PUBLISH_WAIT_MS = 10_000

async function lockFolder(folder: string): Promise<Lock> {
  const path = join(folder, '.pare-run.lock')
  const lock = await takeLock(path)
  if (isLock(lock)) return lock
  throw inUse(folder, lock, path)
}

function inUse(folder: string, holder: Owner | 'somebody', lock: string): Failure {
  const who =
    holder === 'somebody' ? 'another pare' : `another pare (process ${holder.pid} on ${holder.host}, since ${holder.since})`
  return new Failure('infrastructure', `pare: ${who} is writing its results to ${folder}.`, {
    hint: `wait until it has ended, or choose another folder with --out; if it has ended already, remove ${lock}`,
  })
}

/** What commands that were killed left behind. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(STAGING)) continue
    const path = join(folder, name)
    const { mtimeMs } = await lstat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
    const isNew = Date.now() - mtimeMs < NEW_MS
    if (!isNew && (await holderOf(join(path, OWNER))) === 'nobody') await rm(path, { recursive: true, force: true })
  }
}

/** A folder that was just made has no owner written in it yet. */
const NEW_MS = 10_000

/** Below `folder`, relative to it. */
async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)))
}

interface Move {
  readonly from: string
  readonly to: string
}

/** Models behind their data, the verdict behind everything it is on, and `results.json` behind its own report. */
function ordered(moves: readonly Move[], folder: string): readonly Move[] {
  const rank = ({ to }: Move) => (isVerdict(to, folder) ? 2 + VERDICT_FILES.indexOf(basename(to)) : to.endsWith('.onnx') ? 1 : 0)
  return [...moves].sort((a, b) => rank(a) - rank(b))
}

/** Folders, from those of these files up, whose `results.json` is of a run that pruned one of them. */
async function verdictsOn(files: readonly string[]): Promise<readonly string[]> {
  const folders = new Set<string>()
  const models = new Map<string, readonly string[]>()
  for (const file of files) {
    for (let folder = dirname(file); ; folder = dirname(folder)) {
      if (!models.has(folder)) models.set(folder, await prunedIn(join(folder, 'results.json')))
      const below = relative(folder, file).split(sep).join('/')
      if (models.get(folder)!.some((pruned) => pruned === below || pruned.endsWith(`/${below}`))) folders.add(folder)
      if (folder === dirname(folder)) break
    }
  }
  return [...folders]
}

/** The models that a run's `results.json` is on, as they are named there. */
async function prunedIn(path: string): Promise<readonly string[]> {
  const entry = await lstat(path).catch(() => undefined)
  if (entry?.isFile() !== true || entry.size > RESULTS_BYTES) return []
  try {
    const { handle } = await openRegular(path)
    await using file = handle
    const { command, models } = parseJson(await file.readFile('utf8')) as { command?: unknown; models?: unknown }
    if (command !== 'run' || !Array.isArray(models)) return []
    return (models as { pruned?: { path?: unknown }; plan?: { path?: unknown } }[]).flatMap(({ pruned, plan }) =>
      [pruned?.path, plan?.path].filter((name) => typeof name === 'string'),
    )
  } catch {
    // It is no result of ours.
    return []
  }
}

const RESULTS_BYTES = 2 ** 26

/** From `folder` up to `top`, for as long as they are empty. */
async function removeEmpty(folder: string, top: string): Promise<void> {
  for (let current = folder; ; current = dirname(current)) {
    const removed = await rmdir(current).then(
      () => true,
      () => false,
    )
    if (!removed || current === top) return
  }
}
