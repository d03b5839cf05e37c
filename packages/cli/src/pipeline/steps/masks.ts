import { dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { showPath } from '../../files/paths.js'
import { Publication } from '../../files/publication.js'
import { type MaskedModel, type MaskFacts, writeMasks } from '../../masks/write-masks.js'

/** Where masks are written: the file, and what holds it until all that belongs together is there. */
export interface MasksPlace {
  /** Absolute; .npz or .safetensors. */
  readonly path: string
  readonly publication: Publication
}

export interface MasksFile {
  readonly path: string
  readonly weights: readonly MaskFacts[]
}

/** Writes the masks where they are wanted. What is written stands in its place once it is published. */
export async function makeMasks(
  place: MasksPlace | undefined,
  masked: MaskedModel,
): Promise<{ readonly file?: MasksFile; readonly warnings: readonly string[] }> {
  if (place === undefined) return { warnings: [] }
  const { path, publication } = place
  const weights = await writeMasks(await publication.staged(path), masked)
  return weights === undefined ? { warnings: [NO_MASKS] } : { file: { path, weights }, warnings: [] }
}

const NO_MASKS = 'no masks were written: a cut removes units, so there is no mask of them; the plan lists which'

/** The place of a file of masks that a command was told of, if it was. */
export interface NamedMasks extends AsyncDisposable {
  readonly place: { readonly masks?: MasksPlace }
  /** Puts the file in its place, unless that is done together with all else. */
  publish(): Promise<void>
}

/** A file below the folder of the results is published with them, another one by a publication of its own, which is disposed of with this. */
export async function openMasksPlace(
  file: string | undefined,
  { cwd, folder, publication }: { readonly cwd: string; readonly folder: string; readonly publication: Publication },
): Promise<NamedMasks> {
  const nothing = { publish: async () => undefined, [Symbol.asyncDispose]: async () => undefined }
  if (file === undefined) return { place: {}, ...nothing }
  const path = resolve(cwd, file)
  if (isBelow(path, folder)) return { place: { masks: { path, publication } }, ...nothing }
  const own = await Publication.open(dirname(path), { owned: [path] })
  return {
    place: { masks: { path, publication: own } },
    publish: async () => void (await own.publish()),
    [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
  }
}

/** What --json and results say of a file of masks. */
export function shownMasks({ masks }: { readonly masks?: MasksFile }, cwd: string): { readonly masks?: MasksFile } {
  return masks === undefined ? {} : { masks: { ...masks, path: showPath(masks.path, cwd) } }
}

function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}
