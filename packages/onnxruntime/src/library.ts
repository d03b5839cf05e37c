import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { OnnxRuntimeError } from './error.js'

/** A kind of machine that native code is made for. */
export interface Platform {
  /** As `process.platform`. */
  readonly os: string
  /** As `process.arch`. */
  readonly arch: string
}

/** The platforms that the package onnxruntime-node has a library for: 'linux/x64'. */
export const supportedPlatforms: readonly string[] = ['linux/x64', 'linux/arm64', 'darwin/arm64', 'win32/x64', 'win32/arm64']

export const thisPlatform: Platform = { os: process.platform, arch: process.arch }

/** The native binding in a folder that holds an onnxruntime-node package, whether it is there or not. */
export function libraryOf(folder: string, { os, arch }: Platform): string {
  return join(folder, 'bin', 'napi-v6', os, arch, 'onnxruntime_binding.node')
}

/** Whether a folder holds an onnxruntime-node package with the library of a platform. */
export function hasLibrary(folder: string, platform: Platform): boolean {
  return existsSync(join(folder, 'package.json')) && existsSync(libraryOf(folder, platform))
}

/** The error for a machine that ONNX Runtime has no library for; undefined for one that it has. `own` says how the user names a library of their own. */
export function unsupportedPlatform({ os, arch }: Platform, own: string): OnnxRuntimeError | undefined {
  if (supportedPlatforms.includes(`${os}/${arch}`)) return undefined
  return new OnnxRuntimeError(`ONNX Runtime has no library for ${os}/${arch}, only for ${supportedPlatforms.join(', ')}.`, {
    hint:
      os === 'darwin'
        ? `use a Mac with Apple silicon (in GitHub Actions 'runs-on: macos-latest'), or ${own}.`
        : `use one of these, or ${own}.`,
  })
}
