import { existsSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { downloadPackage, registryOf } from './download.js'
import { Failure, messageOf } from './failure.js'
import { onnxruntimeCommon, onnxruntimeNode, supportedPlatforms } from './pinned.js'

export interface Platform {
  /** As `process.platform`. */
  readonly os: string
  /** As `process.arch`. */
  readonly arch: string
}

export interface Search {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly platform: Platform
  /** The checkout; nothing above it is looked at. */
  readonly workspace: string
  /** Absolute, inside the workspace. */
  readonly workingDirectory: string
  /** The input `onnxruntime-path`. */
  readonly path: string | undefined
  readonly trusted: boolean
  readonly signal: AbortSignal
}

/** A folder with an onnxruntime-node package that has this platform's library, and where it came from. */
export interface OnnxRuntime {
  readonly folder: string
  readonly from: 'input' | 'workspace' | 'tool cache' | 'download'
}

/** In this order: the input, the workspace (trusted only), the tool cache, a download into the tool cache. */
export async function findOnnxRuntime(search: Search): Promise<OnnxRuntime> {
  if (search.path !== undefined) return { folder: fromInput(search.path, search), from: 'input' }
  const workspace = search.trusted ? findUpwards(search.workingDirectory, search.workspace, 'onnxruntime-node') : undefined
  if (workspace !== undefined && hasLibrary(workspace, search.platform)) return { folder: workspace, from: 'workspace' }
  const { os, arch } = search.platform
  if (!supportedPlatforms.includes(`${os}/${arch}`)) {
    throw new Failure(
      'infrastructure',
      `action: ONNX Runtime has no library for ${os}/${arch}, only for ${supportedPlatforms.join(', ')}`,
      {
        hint:
          os === 'darwin'
            ? "run on an Apple-silicon runner, e.g. 'runs-on: macos-latest'"
            : "run on 'ubuntu-latest', or give the input 'onnxruntime-path' a build of your own",
      },
    )
  }
  const places = caches(search.env).map((cache) => join(cache, 'pare-onnxruntime', onnxruntimeNode.version, `${os}-${arch}`))
  const cached = places.map(packageIn).find((folder) => hasLibrary(folder, search.platform))
  if (cached !== undefined) return { folder: cached, from: 'tool cache' }
  return { folder: packageIn(await fill(places, search)), from: 'download' }
}

/** The nearest `node_modules/<name>` from `start` up to `top`, both inclusive. */
export function findUpwards(start: string, top: string, name: string): string | undefined {
  const candidate = join(start, 'node_modules', name)
  if (existsSync(join(candidate, 'package.json'))) return candidate
  const parent = dirname(start)
  return start === top || parent === start || !isInside(start, top) ? undefined : findUpwards(parent, top, name)
}

/** Whether `path` is `folder` or lies below it. */
export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

function fromInput(path: string, search: Search): string {
  const folder = resolve(search.workingDirectory, path)
  if (!hasLibrary(folder, search.platform)) {
    throw new Failure(
      'usage',
      `action: 'onnxruntime-path' is '${path}', but '${library(folder, search.platform)}' does not exist`,
      {
        hint: 'name the folder of an onnxruntime-node package (the one with package.json in it), relative to working-directory or absolute',
      },
    )
  }
  if (!search.trusted && isInside(realpathSync(folder), realpathSync(search.workspace))) {
    throw new Failure(
      'untrusted',
      `action: 'onnxruntime-path' is '${path}', a native library in a workspace that is not trusted`,
      {
        hint: "name a folder outside the workspace, leave the input out, or set 'trust: always' if you have read the code that is checked out",
      },
    )
  }
  return folder
}

function library(folder: string, { os, arch }: Platform): string {
  return join(folder, 'bin', 'napi-v6', os, arch, 'onnxruntime_binding.node')
}

function hasLibrary(folder: string, platform: Platform): boolean {
  return existsSync(join(folder, 'package.json')) && existsSync(library(folder, platform))
}

function packageIn(place: string): string {
  return join(place, 'node_modules', onnxruntimeNode.name)
}

/** The tool cache, and the folder of this job for where the tool cache may not be written to. */
function caches({ RUNNER_TOOL_CACHE, RUNNER_TEMP }: Search['env']): readonly string[] {
  return [RUNNER_TOOL_CACHE, RUNNER_TEMP].flatMap((folder) => folder || [])
}

/**
 * Fills the first place that can be written to, and returns it. Unpacks beside it and renames, so that a job that is killed or another
 * one at the same time leaves no half library.
 */
async function fill(places: readonly string[], { env, platform, signal }: Search): Promise<string> {
  const { place, temporary } = makeTemporary(places)
  const { os, arch } = platform
  const from = { registry: registryOf(env), temporary, signal }
  const unpacked = join(temporary, 'unpacked')
  const target = (name: string) => join(unpacked, 'node_modules', name)
  const native = (path: string) =>
    path === 'package.json' || /^dist\/.*\.js$/.test(path) || path.startsWith(`bin/napi-v6/${os}/${arch}/`)
  const common = (path: string) => path.endsWith('package.json') || /^dist\/(cjs|esm)\/.*\.js$/.test(path)
  try {
    await downloadPackage(onnxruntimeCommon, target(onnxruntimeCommon.name), common, from)
    await downloadPackage(onnxruntimeNode, target(onnxruntimeNode.name), native, from)
    putInPlace(unpacked, place, platform)
    return place
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

function makeTemporary(places: readonly string[]): { readonly place: string; readonly temporary: string } {
  const refused: string[] = []
  for (const place of places) {
    try {
      mkdirSync(dirname(place), { recursive: true })
      return { place, temporary: mkdtempSync(`${place}.`) }
    } catch (error) {
      refused.push(messageOf(error))
    }
  }
  throw new Failure(
    'infrastructure',
    `action: there is no place for ONNX Runtime: ${refused.join('; ') || 'no folder is named'}`,
    {
      hint: 'set RUNNER_TOOL_CACHE or RUNNER_TEMP to a folder that may be written to (a GitHub runner sets both)',
    },
  )
}

/** Whoever comes second keeps what the first one put there; a place without a library is replaced. */
function putInPlace(unpacked: string, place: string, platform: Platform): void {
  if (hasLibrary(packageIn(place), platform)) return
  rmSync(place, { recursive: true, force: true })
  try {
    renameSync(unpacked, place)
  } catch (error) {
    if (!hasLibrary(packageIn(place), platform)) throw error
  }
}
