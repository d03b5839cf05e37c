import { existsSync, realpathSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import {
  fill,
  hasLibrary,
  isIntact,
  libraryOf,
  onnxruntimeNode,
  type Platform,
  packageIn,
  unsupportedPlatform,
} from '@pare/onnxruntime'
import { ActionFailure } from '../failure.js'
import * as log from '../log.js'
import { downloadFrom } from './download.js'

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
export interface OnnxRuntimeFolder {
  readonly folder: string
  readonly from: 'input' | 'workspace' | 'tool cache' | 'download'
}

/** In this order: the input, the workspace (trusted only), the tool cache where every byte is as it was published, a download into the tool cache. */
export async function findOnnxRuntime(search: Search): Promise<OnnxRuntimeFolder> {
  if (search.path !== undefined) return { folder: fromInput(search.path, search), from: 'input' }
  const workspace = search.trusted ? findUpwards(search.workingDirectory, search.workspace, 'onnxruntime-node') : undefined
  if (workspace !== undefined && hasLibrary(workspace, search.platform)) return { folder: workspace, from: 'workspace' }
  const unsupported = unsupportedPlatform(search.platform, "give the input 'onnxruntime-path' a build of your own")
  if (unsupported !== undefined) throw unsupported
  const { os, arch } = search.platform
  const places = caches(search.env).map((cache) => join(cache, 'pare-onnxruntime', onnxruntimeNode.version, `${os}-${arch}`))
  const cached = places.find((place) => isIntact(place, search.platform))
  if (cached !== undefined) return { folder: packageIn(cached), from: 'tool cache' }
  for (const place of places.filter((each) => existsSync(each)))
    log.warning(
      `${place} holds other files than ONNX Runtime ${onnxruntimeNode.version} was published with: it is not used, and fetched anew.`,
    )
  return { folder: await fill({ places, platform: search.platform, fetch: downloadFrom(search) }), from: 'download' }
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
    throw new ActionFailure(
      'usage',
      `action: 'onnxruntime-path' is '${path}', but '${libraryOf(folder, search.platform)}' does not exist`,
      {
        hint: 'name the folder of an onnxruntime-node package (the one with package.json in it), relative to working-directory or absolute',
      },
    )
  }
  if (!search.trusted && isInside(realpathSync(folder), realpathSync(search.workspace))) {
    throw new ActionFailure(
      'untrusted',
      `action: 'onnxruntime-path' is '${path}', a native library in a workspace that is not trusted`,
      {
        hint: "name a folder outside the workspace, leave the input out, or set 'trust: always' if you have read the code that is checked out",
      },
    )
  }
  return folder
}

/** The tool cache, and the folder of this job for where the tool cache may not be written to. */
function caches({ RUNNER_TOOL_CACHE, RUNNER_TEMP }: Search['env']): readonly string[] {
  return [RUNNER_TOOL_CACHE, RUNNER_TEMP].flatMap((folder) => folder || [])
}
