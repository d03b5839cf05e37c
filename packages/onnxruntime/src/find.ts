import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import envPaths from 'env-paths'
import { hasLibrary, type Platform, thisPlatform } from './library.js'
import { onnxruntimeNode } from './pinned.js'

/**
 * The folder of an onnxruntime-node package that can be loaded here: the one that the project has installed, if it is at least the pinned version (a build
 * with CUDA is installed so), else the one that was fetched before. Undefined where there is neither.
 */
export function findInstalled(platform: Platform = thisPlatform): string | undefined {
  return [installedInProject(), cachedFolder(platform)].find((folder) => folder !== undefined && hasLibrary(folder, platform))
}

/** Where ONNX Runtime lies once it was fetched: `place` is the folder that is filled. `PARE_CACHE` moves it. */
export function cachePlace({ os, arch }: Platform, env: NodeJS.ProcessEnv = process.env): string {
  const cache = env.PARE_CACHE || envPaths('pare', { suffix: '' }).cache
  return join(cache, 'onnxruntime', onnxruntimeNode.version, `${os}-${arch}`)
}

/** The onnxruntime-node package in a place that was filled. */
export function packageIn(place: string): string {
  return join(place, 'node_modules', onnxruntimeNode.name)
}

/** The version of the package in a folder, or of the one that would be used here: installed, or to be fetched. */
export function installedVersion(folder: string | undefined = findInstalled()): string {
  if (folder === undefined) return onnxruntimeNode.version
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version?: string }
  return version ?? 'unknown'
}

function cachedFolder(platform: Platform): string {
  return packageIn(cachePlace(platform))
}

function installedInProject(): string | undefined {
  const manifest = resolveManifest()
  if (manifest === undefined || !existsSync(manifest)) return undefined
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version?: string }
  return isRecent(version) ? dirname(manifest) : undefined
}

function resolveManifest(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(`${onnxruntimeNode.name}/package.json`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** Older versions lack operators and session options that Pare uses; other packages of a project may want them. */
function isRecent(version: string | undefined): boolean {
  const [major = 0, minor = 0] = numbersOf(version)
  const [leastMajor = 0, leastMinor = 0] = numbersOf(onnxruntimeNode.version)
  return major === leastMajor && minor >= leastMinor
}

function numbersOf(version: string | undefined): readonly number[] {
  return (version ?? '').split('.', 2).map((part) => Number.parseInt(part, 10) || 0)
}
