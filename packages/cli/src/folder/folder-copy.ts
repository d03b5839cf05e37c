import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { PlanStep } from '@pare/core'
import { type Model, openRegular, readRegular, writeWhole } from '@pare/onnx'
import { isFile, showPath } from '../files/paths.js'
import type { Publication } from '../files/publication.js'
import { Failure, usage } from '../terminal/failure.js'
import { type CardModel, hasSection, valueText, withSection } from './card.js'
import { changesOf, keptLayers } from './changes.js'
import { type Conflict, editConfig, type Outcome } from './config-edits.js'
import { CARD, type CopyPlace, copiedFiles } from './copy-place.js'
import { type LeftFile, SIZES_HOLDERS } from './model-folder.js'
import { sideOfFile } from './size-names.js'
import { sizesOf } from './sizes.js'

/** What a command says of the folder that it wrote. */
export interface CopyFacts {
  readonly path: string
  /** Numbers that were changed, by file. */
  readonly edits: readonly { readonly file: string; readonly key: string; readonly before: unknown; readonly after: unknown }[]
  readonly left: readonly LeftFile[]
  readonly warnings: readonly string[]
}

/** A file beside the models with other numbers. */
export interface RewrittenFile {
  readonly text: string
  /** What to tell of it. */
  readonly edits: readonly { readonly key: string; readonly before: unknown; readonly after: unknown }[]
  readonly warnings: readonly string[]
}

/** Above this nobody wrote it by hand. */
const MOST_TEXT = 2 ** 22

/** Throws a Failure where the folder of the copy holds files of the same names that no copy of ours put there. */
export async function refuseForeign(place: CopyPlace): Promise<void> {
  const taken = []
  for (const path of copiedFiles(place)) if (await isFile(path)) taken.push(path)
  if (taken.length === 0 || hasSection(await textOf(join(place.path, CARD)))) return
  throw usage(
    `pare: ${place.path} holds ${taken.length === 1 ? 'a file' : `${taken.length} files`} of the same name, ${showPath(taken[0]!, place.path)} first, that pare did not write.`,
    'choose another folder with --out, or empty this one',
  )
}

/**
 * The copy of a folder on its way: collects what became of each of its models, and then gives the files beside them what they have to say. It holds for the
 * models of one folder, in any order; a model that is noted again replaces what was noted of it.
 */
export class FolderCopy {
  readonly place: CopyPlace
  readonly #isCheckpoint: boolean
  readonly #outcomes = new Map<string, Outcome>()
  readonly #cards = new Map<string, CardModel>()
  /** Absolute paths. */
  readonly #read = new Set<string>()
  readonly #rewritten = new Map<string, RewrittenFile>()
  readonly #stale = new Map<string, LeftFile>()

  /** `isCheckpoint`: the folder is of weights that are loaded by its config, and holds no graph. */
  constructor(place: CopyPlace, { isCheckpoint = false }: { readonly isCheckpoint?: boolean } = {}) {
    this.place = place
    this.#isCheckpoint = isCheckpoint
  }

  /**
   * Measures what became of a model's sizes. Throws a Failure where a file beside it holds one number for what differs between layers now.
   * `file` is the model's name in the folder.
   */
  async note(
    file: string,
    { model, pruned, steps }: { readonly model: Model; readonly pruned: Model; readonly steps: readonly PlanStep[] },
  ) {
    // Of several models one that stays as it is may share a number with one that is cut.
    if (this.place.folder.models.length === 1 && !steps.some(({ kind }) => kind === 'cut')) return
    const [before, after] = [await sizesOf(model), await sizesOf(pruned)]
    const side = sideOfFile(file.split('/').at(-1)!)
    const layers = keptLayers(steps, side)
    this.#outcomes.set(file, { changes: changesOf({ before, after }, steps, side), layers, caches: after.caches })
    for (const name of this.#holders()) {
      const { conflicts } = await this.#edited(name)
      if (conflicts.length > 0) throw uneven(this.place.folder.name, name, conflicts)
    }
  }

  /** These files are read as parts of a model: what is in them is written anew, under whatever name. */
  reads(paths: readonly string[]): void {
    for (const path of paths) this.#read.add(path)
  }

  /** What the card says of a model. */
  describe(file: string, card: CardModel): void {
    this.#cards.set(file, card)
  }

  /** Gives a file beside the models another text, whatever was measured of sizes. */
  rewrite(file: string, rewritten: RewrittenFile): void {
    this.#rewritten.set(file, rewritten)
  }

  /** Leaves a file behind. */
  leave(file: LeftFile): void {
    this.#stale.set(file.path, file)
  }

  /** Whether all models of the folder were described. */
  get isComplete(): boolean {
    return this.place.folder.models.every((file) => this.#cards.has(file))
  }

  /** Puts the files beside the models where they are published from. */
  async stage(publication: Publication): Promise<CopyFacts> {
    const { folder, path } = this.place
    const edits: CopyFacts['edits'][number][] = []
    const warnings: string[] = []
    for (const file of folder.companions.filter((each) => each !== CARD && !this.#stale.has(each))) {
      const target = await publication.staged(join(path, file))
      const edited = this.#rewritten.get(file) ?? (this.#holders().includes(file) ? await this.#edited(file) : undefined)
      if (edited === undefined || edited.edits.length === 0) await copyWhole(join(folder.path, file), target)
      else await writeWhole(target, edited.text)
      edits.push(...(edited?.edits ?? []).map((edit) => ({ file, ...edit })))
      warnings.push(...(edited?.warnings ?? []))
    }
    const models = folder.models.flatMap((file) => this.#cards.get(file) ?? [])
    const own = folder.companions.includes(CARD) ? await textOf(join(folder.path, CARD)) : undefined
    await writeWhole(await publication.staged(join(path, CARD)), await withSection(own ?? '', { models, edits }))
    const left = folder.left.filter((file) => !this.#read.has(join(folder.path, file.path)))
    return { path, edits, left: [...left, ...this.#stale.values()], warnings }
  }

  #holders(): readonly string[] {
    return this.place.folder.companions.filter((file) => SIZES_HOLDERS.includes(file))
  }

  async #edited(name: string) {
    const outcomes = [...this.#outcomes.values()]
    const outcome = {
      changes: outcomes.flatMap(({ changes }) => changes),
      layers: outcomes.flatMap(({ layers }) => layers),
      caches: outcomes.flatMap(({ caches }) => caches),
      isCheckpoint: this.#isCheckpoint,
    }
    const bytes = await readRegular(join(this.place.folder.path, name), { what: name, maxBytes: MOST_TEXT })
    const text = bytes.toString('utf8')
    const warnings = [`${name} is not JSON, and is copied as it is.`]
    return editConfig(name, text, outcome) ?? { text, edits: [], conflicts: [], warnings }
  }
}

/** Copies a regular file; what has taken its place since it was listed, a link for instance, is refused. */
async function copyWhole(from: string, to: string): Promise<void> {
  const listed = await lstat(from)
  const { handle } = await openRegular(from, 'a file of the folder')
  await using file = handle
  const opened = await file.stat()
  if (!listed.isFile() || listed.ino !== opened.ino || listed.dev !== opened.dev)
    throw new Failure('infrastructure', `pare: ${from} was replaced while the folder was copied.`, {
      hint: 'run again when nothing writes to it',
    })
  await writeWhole(to, file.createReadStream({ start: 0, autoClose: false }))
}

async function textOf(path: string): Promise<string | undefined> {
  if (!(await isFile(path))) return undefined
  return (await readRegular(path, { what: 'a model card', maxBytes: MOST_TEXT })).toString('utf8')
}

const MOST_SHOWN = 3

function uneven(folder: string, file: string, conflicts: readonly Conflict[]): Failure {
  const [{ key, before, places }] = conflicts as [Conflict]
  const counts = [...places].sort(([one], [other]) => one - other)
  const lines = counts.map(([count, names]) => {
    const more = names.length > MOST_SHOWN ? ` and ${names.length - MOST_SHOWN} more` : ''
    return `${count} in ${names.slice(0, MOST_SHOWN).join(', ')}${more}`
  })
  const others =
    conflicts.length > 1
      ? ` So it is with ${conflicts
          .slice(1)
          .map((conflict) => conflict.key)
          .join(', ')}.`
      : ''
  return usage(
    `pare: ${file} of ${folder} holds ${key} as one number (${before}), and the layers would differ: ${lines.join('; ')}.${others}`,
    'cut as many of every layer: --uniform (in a config, uniform: true); or prune the ONNX file itself, without the folder',
  )
}

/** What a command says of a folder that it wrote, and what did not go along. */
export function folderLines({ path, edits, left }: CopyFacts, cwd: string): readonly string[] {
  const names = left.slice(0, MOST_LEFT).map(({ path: file, reason }) => `${file} (${reason})`)
  const more = left.length > MOST_LEFT ? ` and ${left.length - MOST_LEFT} more` : ''
  return [
    `${showPath(path, cwd)}/`,
    ...edits.map(({ file, key, before, after }) => `  ${file}: ${key} ${valueText(before)} → ${valueText(after)}`),
    ...(left.length === 0 ? [] : [`  left behind: ${names.join(', ')}${more}`]),
  ]
}

const MOST_LEFT = 6
