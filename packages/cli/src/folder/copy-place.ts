import { join } from 'node:path'
import type { ModelFolder } from './model-folder.js'

/** Where a folder goes, with its pruned models. */
export interface CopyPlace {
  readonly folder: ModelFolder
  /** Absolute path of the copy. */
  readonly path: string
}

/** The model card of a folder. */
export const CARD = 'README.md'

/** Every file of the copy besides the models. */
export function copiedFiles({ folder, path }: CopyPlace): readonly string[] {
  return [...new Set([...folder.companions, CARD])].map((file) => join(path, file))
}
