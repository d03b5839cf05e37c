import { constants } from 'node:fs'
import { copyFile, lstat, mkdir, readdir, realpath } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { parseJson, present, readRegular, writeWhole } from '@pare/onnx'
import { MANIFEST_NAME, type PlacedManifest, type ShardManifest, shardManifest } from '@pare/shards'
import { z } from 'zod'
import { hashFile } from '../files/hash.js'
import { makeFolder } from '../files/make-folder.js'
import { showPath } from '../files/paths.js'
import type { ModelOutcome } from '../pipeline/facts/result.js'
import { Failure } from '../terminal/failure.js'

/** What a shard keeps of a model's outcome: what its merge cannot find out again. */
export type StoredOutcome = Pick<
  ModelOutcome,
  'pruned' | 'smallest' | 'unrecovered' | 'latency' | 'baselines' | 'stages' | 'copied' | 'reuse' | 'error'
>

/** Below the folder of one attempt of a shard. */
export const [RESULTS, RECORDINGS, OUTCOMES] = ['files', 'recordings', 'outcomes'] as const

/** The folder for another attempt of a shard, which is made: 'shard-2-of-8/attempt-1'. */
export async function nextAttempt(
  folder: string,
  { index, count }: ShardManifest['shard'],
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ readonly path: string; readonly attempt: number }> {
  const shard = join(folder, `shard-${index}-of-${count}`)
  await makeFolder(shard)
  const before = (await readdir(shard)).flatMap((name) => /^attempt-(\d+)$/.exec(name)?.[1] ?? []).map(Number)
  const attempt = Math.max(1, Number(env.GITHUB_RUN_ATTEMPT ?? 1) || 1, ...before.map((each) => each + 1))
  const path = join(shard, `attempt-${attempt}`)
  await mkdir(path)
  for (const name of [RECORDINGS, OUTCOMES]) await mkdir(join(path, name))
  return { path, attempt }
}

/** Writes what makes the shard count: last of all. */
export async function writeManifest(path: string, manifest: Omit<ShardManifest, 'files'>): Promise<ShardManifest> {
  const files: ShardManifest['files'] = []
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    // What is staged and locked goes once the shard has ended.
    if (
      !entry.isFile() ||
      relative(path, file)
        .split(sep)
        .some((name) => name.startsWith('.pare-'))
    )
      continue
    await using hashing = hashFile(file)
    files.push({
      path: relative(path, file).split(sep).join('/'),
      bytes: (await lstat(file)).size,
      sha256: await hashing.digest(),
    })
  }
  const whole = { ...manifest, files: files.sort((a, b) => (a.path < b.path ? -1 : 1)) }
  await writeWhole(join(path, MANIFEST_NAME), `${JSON.stringify(whole, null, 2)}\n`)
  return whole
}

/** A shard that is there, or why what lies there is none. */
export interface FoundShards {
  readonly manifests: readonly (PlacedManifest & { readonly path: string })[]
  readonly problems: readonly string[]
}

/** Folders of shards may be below folders of artifacts. */
const MOST_DEPTH = 4
const MANIFEST_BYTES = 2 ** 26

/** All shards below a folder, of several attempts side by side the last that ended. No link is followed. */
export async function findShards(folder: string, cwd: string): Promise<FoundShards> {
  const manifests: (PlacedManifest & { readonly path: string })[] = []
  const problems: string[] = []
  const visit = async (path: string, depth: number): Promise<void> => {
    const entries = await readdir(path, { withFileTypes: true })
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
    const attempts = folders.flatMap((name) => /^attempt-(\d+)$/.exec(name)?.[1] ?? []).map(Number)
    for (const attempt of attempts.sort((a, b) => b - a)) {
      const place = join(path, `attempt-${attempt}`)
      const manifest = await readManifest(place).catch((error: Error) => {
        problems.push(`${showPath(place, cwd)}: ${error.message}`)
        return undefined
      })
      if (manifest === 'none') continue
      if (manifest !== undefined) manifests.push({ name: showPath(place, cwd), path: place, manifest })
      break
    }
    if (depth < MOST_DEPTH)
      for (const name of folders.sort()) if (!/^attempt-\d+$/.test(name)) await visit(join(path, name), depth + 1)
  }
  await visit(folder, 0)
  return { manifests, problems }
}

async function readManifest(place: string): Promise<ShardManifest | 'none'> {
  const path = join(place, MANIFEST_NAME)
  const entry = await lstat(path).catch(() => undefined)
  if (entry === undefined) return 'none'
  if (!entry.isFile() || entry.size > MANIFEST_BYTES) throw new Error(`its ${MANIFEST_NAME} is no manifest of a shard`)
  const parsed = shardManifest.safeParse(jsonOf(Buffer.from(await readRegular(path, { what: 'a manifest' })).toString()))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new Error(`its ${MANIFEST_NAME} is no manifest of a shard: ${issue?.path.join('.')}: ${issue?.message}`)
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

interface ShardFolder extends PlacedManifest {
  readonly path: string
}

/** A sentence on the first file that is not what the shard says it left. Undefined where all are. */
export async function damageOf(shard: ShardFolder): Promise<string | undefined> {
  for (const { path: file, sha256 } of shard.manifest.files) {
    const what = (await obstacleTo(shard, file)) ?? (await otherThan(join(shard.path, ...file.split('/')), sha256))
    if (what !== undefined) return `${shard.name}/${file} ${what}.`
  }
  return undefined
}

/** Copies a file of a shard, and throws where the copy is not what the shard says it left: it may have changed since it was looked at. */
export async function takeFile(shard: ShardFolder, file: string, to: string): Promise<void> {
  const { manifest, name, path } = shard
  const entry = manifest.files.find((each) => each.path === file)
  const damaged = (what: string) =>
    new Failure('infrastructure', `pare merge: ${name}/${file} ${what}.`, {
      hint: `run shard ${manifest.shard.index}/${manifest.shard.count} again, and merge`,
    })
  if (entry === undefined) throw damaged('is not among the files that the shard lists')
  const obstacle = await obstacleTo(shard, file)
  if (obstacle !== undefined) throw damaged(obstacle)
  await mkdir(dirname(to), { recursive: true })
  await copyFile(join(path, ...file.split('/')), to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  const other = await otherThan(to, entry.sha256)
  if (other !== undefined) throw damaged(other)
}

async function obstacleTo({ path }: ShardFolder, file: string): Promise<string | undefined> {
  const place = join(path, ...file.split('/'))
  const entry = await lstat(place).catch(() => undefined)
  if (entry?.isFile() !== true) return 'is missing, or no file'
  return (await realpath(place)) === join(await realpath(path), ...file.split('/')) ? undefined : 'is reached through a link'
}

async function otherThan(path: string, sha256: string): Promise<string | undefined> {
  await using hashing = hashFile(path)
  return (await hashing.digest()) === sha256 ? undefined : 'is not the file that the shard left: its SHA-256 differs'
}

/** 'files/model.onnx' → ['model.onnx'] */
export function belowResults(file: string): readonly string[] {
  const [top, ...rest] = file.split('/')
  if (top === RESULTS && rest.length > 0) return rest
  throw new Failure('infrastructure', `pare merge: ${file} is no result of a model.`, { hint: 'run its shard again' })
}

/** What of an outcome is left for a merge. */
export function storedPart({
  pruned,
  smallest,
  unrecovered,
  latency,
  baselines,
  stages,
  copied,
  error,
}: ModelOutcome): StoredOutcome {
  return present({ pruned, smallest, unrecovered, latency, baselines, stages, copied, error }) as StoredOutcome
}

/** Outcomes as JSON, which has no NaN and no infinity. */
export async function writeOutcome(path: string, outcome: StoredOutcome): Promise<void> {
  await writeWhole(
    path,
    JSON.stringify(outcome, (_, value) => storable(value)),
  )
}

/** Throws a Failure where it is none. What a result is made of it, its own schema holds in the end. */
export async function readOutcome(path: string, name: string): Promise<StoredOutcome> {
  const text = Buffer.from(await readRegular(path, { what: 'the outcome of a shard' })).toString()
  const outcome = OUTCOME.safeParse(restored(jsonOf(text)))
  if (outcome.success) return outcome.data as unknown as StoredOutcome
  const [issue] = outcome.error.issues
  throw new Failure('infrastructure', `pare merge: the outcome in ${name} is none: ${issue?.path.join('.')}: ${issue?.message}`, {
    hint: 'run its shard again, with the version that merges',
  })
}

const FILE = z.looseObject({ path: z.string(), bytes: z.number(), sha256: z.string() })
const LIST = z.array(z.unknown())

/** As far as a merge relies on it. */
const OUTCOME = z.strictObject({
  pruned: z
    .looseObject({
      ...{ model: FILE, output: FILE, plan: z.looseObject({ path: z.string() }), warnings: z.array(z.string()) },
      ...{ declined: LIST, folded: LIST, proofs: LIST, trainings: LIST, searches: LIST, cut: LIST },
    })
    .optional(),
  smallest: z.looseObject({ data: z.looseObject({ path: z.string() }) }).optional(),
  unrecovered: z.looseObject({ metrics: z.record(z.string(), z.number()) }).optional(),
  latency: z.looseObject({ relative: z.number(), interval: z.tuple([z.number(), z.number()]) }).optional(),
  baselines: z.array(z.looseObject({ method: z.string(), bytes: z.number() })).optional(),
  stages: z
    .array(
      z.looseObject({
        bytes: z.number(),
        scores: z.looseObject({ metrics: z.record(z.string(), z.number()), measurements: LIST }),
      }),
    )
    .optional(),
  copied: z.looseObject({ path: z.string(), warnings: z.array(z.string()) }).optional(),
  reuse: z.strictObject({ path: z.string(), seconds: z.number() }).optional(),
  error: z
    .strictObject({
      kind: z.enum(['usage', 'infrastructure', 'untrusted']),
      message: z.string(),
      hint: z.string().optional(),
      problems: z.array(z.unknown()).optional(),
    })
    .optional(),
})

function storable(value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? { $number: String(value) } : value
}

function restored(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(restored)
  const { $number: name } = value as { readonly $number?: unknown }
  if (typeof name === 'string') return Number(name)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, restored(each)]))
}
