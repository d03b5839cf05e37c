import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { OnnxRuntimeError } from './error.js'
import { packageIn } from './find.js'
import { isIntact } from './intact.js'
import type { Platform } from './library.js'
import { onnxruntimeCommon, onnxruntimeNode, type PinnedPackage } from './pinned.js'

/** Puts the tarball of a package into an empty folder, and returns the file's path. */
export type FetchTarball = (pinned: PinnedPackage, folder: string) => Promise<string>

export interface Filling {
  /** Folders to fill, the first that can be written to. */
  readonly places: readonly string[]
  readonly platform: Platform
  readonly fetch: FetchTarball
}

/**
 * Fills the first place that can be written to with the pinned ONNX Runtime, this platform's files only, and returns the folder of its package. Every
 * tarball's hash is checked before anything of it is unpacked. It unpacks beside the place and renames, so that a process that is killed, or another one at
 * the same time, leaves no half library. Throws OnnxRuntimeError.
 */
export async function fill({ places, platform, fetch }: Filling): Promise<string> {
  const { place, temporary } = makeTemporary(places)
  const unpacked = join(temporary, 'unpacked')
  try {
    for (const [pinned, keep] of [
      [onnxruntimeCommon, ofCommon],
      [onnxruntimeNode, ofNode(platform)],
    ] as const) {
      const tarballs = join(temporary, pinned.name)
      mkdirSync(tarballs)
      const file = await fetch(pinned, tarballs)
      await checkIntegrity(file, pinned)
      await unpack(file, join(unpacked, 'node_modules', pinned.name), keep)
    }
    putInPlace(unpacked, place, platform)
    return packageIn(place)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

/** Whether a path inside a package ('dist/index.js') is needed at run time. */
type Keep = (path: string) => boolean

const ofCommon: Keep = (path) => path.endsWith('package.json') || /^dist\/(cjs|esm)\/.*\.js$/.test(path)

const ofNode =
  ({ os, arch }: Platform): Keep =>
  (path) =>
    path === 'package.json' || /^dist\/.*\.js$/.test(path) || path.startsWith(`bin/napi-v6/${os}/${arch}/`)

function makeTemporary(places: readonly string[]): { readonly place: string; readonly temporary: string } {
  const refused: string[] = []
  for (const place of places) {
    try {
      mkdirSync(dirname(place), { recursive: true })
      return { place, temporary: mkdtempSync(`${place}.`) }
    } catch (error) {
      refused.push((error as Error).message)
    }
  }
  throw new OnnxRuntimeError(`ONNX Runtime has no place to be unpacked to: ${refused.join('; ') || 'no folder is named'}.`, {
    hint: 'set PARE_CACHE to a folder that may be written to (on a GitHub runner RUNNER_TOOL_CACHE or RUNNER_TEMP).',
  })
}

async function checkIntegrity(file: string, pinned: PinnedPackage): Promise<void> {
  const hash = createHash('sha512')
  await pipeline(createReadStream(file), hash)
  const integrity = `sha512-${hash.digest('base64')}`
  if (integrity === pinned.integrity) return
  throw new OnnxRuntimeError(
    `${pinned.name} ${pinned.version} has the integrity\n  ${integrity}\nexpected\n  ${pinned.integrity}`,
    {
      hint: 'nothing was unpacked; the registry or a proxy served other bytes than were published: run again, and ask who runs the mirror if it stays.',
    },
  )
}

async function unpack(file: string, folder: string, keep: Keep): Promise<void> {
  mkdirSync(folder, { recursive: true })
  // It is loaded only where something is unpacked: bundles keep it in a file of its own.
  const { x: extract } = await import('tar')
  const filter = (path: string) => keep(path.split('/').slice(1).join('/'))
  await extract({ file, cwd: folder, strip: 1, strict: true, filter })
}

/** Whoever comes second keeps what the first one put there; a place with anything else than what was published is replaced. */
function putInPlace(unpacked: string, place: string, platform: Platform): void {
  if (isIntact(place, platform)) return
  rmSync(place, { recursive: true, force: true })
  try {
    renameSync(unpacked, place)
  } catch (error) {
    if (!isIntact(place, platform)) throw error
  }
}
