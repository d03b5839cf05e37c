import type { Bytes } from '../bytes/wire.js'
import { PareError } from '../error.js'

const BEGINNING = 'version https://git-lfs.github.com/spec/'

/** True for what a checkout without Git LFS leaves in place of a file: some 130 bytes of text. */
export function isLfsPointer(bytes: Bytes): boolean {
  if (bytes.size < BEGINNING.length || bytes.size > 1024) return false
  const beginning = new Uint8Array(BEGINNING.length)
  bytes.read(beginning, 0)
  return Buffer.from(beginning).toString('latin1') === BEGINNING
}

export function lfsPointer(path: string): PareError {
  return new PareError(`${path} is a Git LFS pointer, not the file it stands for.`, {
    hint: "run 'git lfs pull', or in a workflow give actions/checkout the input 'lfs: true'.",
  })
}
