import { realpath } from 'node:fs/promises'
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path'
import { type CopyPlace, copiedFiles } from '../folder/copy-place.js'
import { type ModelFolder, outside } from '../folder/model-folder.js'
import { type JoinedDecoders, nextDecoder } from '../folder/pair/pair.js'
import { MASK_FORMATS } from '../options/prune.js'
import { usage } from '../terminal/failure.js'
import { payloadPath } from './plan-files.js'

/** Where the results for one model go. */
export interface OutputFiles {
  readonly folder: string
  /** The pruned model: the input's file name. */
  readonly model: string
  readonly plan: string
  /** The second file of a pair of decoders. */
  readonly next?: string
  /** Where the folder that the model came in goes with it. Absent: it came alone. */
  readonly copy?: CopyPlace
}

/** A model whose results are to be placed. */
export interface PlacedModel {
  readonly path: string
  /** The folder that it came in. Default: it came alone */
  readonly folder?: ModelFolder | undefined
  /** What it was joined from: results have the places of these. Default: it is a file of its own */
  readonly pair?: Pick<JoinedDecoders, 'models'> | undefined
}

/** What shields.io draws a badge of, where that is wanted. */
export const BADGE = 'badge.json'

/** What a run says of all its models, in the order in which it is put in place. */
export const VERDICT_FILES = ['report.html', 'summary.md', BADGE, 'results.json']

export function isVerdict(path: string, folder: string): boolean {
  return dirname(path) === folder && VERDICT_FILES.includes(basename(path))
}

/** Every file that may be written for one model. */
export function companionsOf({ model, plan, next, copy }: OutputFiles): readonly string[] {
  const own = [
    ...modelFiles(model),
    ...(next === undefined ? [] : modelFiles(next)),
    plan,
    payloadPath(plan),
    ...MASK_FORMATS.map((format) => masksPath(plan, format)),
  ]
  return copy === undefined ? own : [...own, ...copiedFiles(copy)]
}

/** Where masks stand beside a model: 'resnet.plan.json' → 'resnet.masks.npz'. */
export function masksPath(plan: string, format: (typeof MASK_FORMATS)[number]): string {
  return `${plan.replace(/(\.plan)?\.json$/, '')}.masks.${format}`
}

/** The folder beside a model in which a search for the smallest keeps its trials: 'resnet.plan.json' → 'resnet.smallest'. */
export function trialsFolder({ plan }: Pick<OutputFiles, 'plan'>): string {
  return plan.replace(/(\.plan)?\.json$/, '.smallest')
}

/** A model and what its external data are usually called. */
export function modelFiles(model: string): readonly string[] {
  return [model, `${model}.data`, `${model}_data`]
}

/** 'models/resnet.onnx' → 'resnet'. */
export function modelName(path: string): string {
  return basename(path, extname(path))
}

/** `out` defaults to ./pare-out/<name of the model or of its folder>. Refuses a folder where the input itself would be overwritten. */
export async function outputFiles(
  { path, folder, pair }: PlacedModel,
  { cwd, out }: { cwd: string; out?: string | undefined },
): Promise<OutputFiles> {
  const to = outputFolder({ path, folder }, { cwd, out })
  if (folder === undefined) return (await assignOutputs([{ path, pair }], to))[0]!
  await refuseInput(folder.path, to)
  return inCopy({ folder: outside(folder, to), path: to }, { path, pair })
}

/** Where the results of a command for one model go. */
export function outputFolder({ path, folder }: PlacedModel, { cwd, out }: { cwd: string; out?: string | undefined }): string {
  return resolve(cwd, out ?? join('pare-out', folder?.name ?? modelName(path)))
}

/** Of a model that came in a folder: at its place in the copy. */
function inCopy(copy: CopyPlace, { path, pair }: PlacedModel): OutputFiles {
  const placeOf = (file: string) => join(copy.path, relative(copy.folder.path, file))
  const model = placeOf(pair?.models.first ?? path)
  const plan = join(dirname(model), `${modelName(model)}.plan.json`)
  return { folder: copy.path, model, plan, copy, ...(pair !== undefined && { next: placeOf(pair.models.next) }) }
}

/**
 * Output files for each model of a run: by file name, below their common folder where names meet, numbered where paths meet, or would on a
 * disk that does not tell capitals from small letters.
 */
export async function assignOutputs(models: readonly PlacedModel[], folder: string): Promise<readonly OutputFiles[]> {
  const common = commonFolder(models.map((model) => dirname(model.folder?.path ?? model.path)))
  const paths = new Set(VERDICT_FILES.map((name) => onDisk(join(folder, name))))
  const outputs = new Map<number, OutputFiles>()
  const copies = new Map<ModelFolder, CopyPlace>()
  const first = new Map<string, number>()
  for (const [index, { path }] of models.entries()) if (!first.has(path)) first.set(path, index)
  const isFirst = (index: number) => first.get(models[index]!.path) === index
  const inTurn = [...models.keys()].sort((a, b) => Number(isFirst(b)) - Number(isFirst(a)))
  for (const index of inTurn) {
    const { path, folder: own, pair } = models[index]!
    const below = join(folder, relative(common, dirname(own?.path ?? path)))
    const copied = own && copies.get(own)
    if (copied !== undefined) outputs.set(index, inCopy(copied, { path, pair }))
    for (let count = 1; !outputs.has(index); count++) {
      const numbered = (name: string) => (count === 1 ? name : `${name}-${count}`)
      const name = numbered(modelName(path))
      const files =
        own === undefined
          ? {
              ...{ folder: below, model: join(below, `${name}${extname(path)}`), plan: join(below, `${name}.plan.json`) },
              ...(pair !== undefined && { next: join(below, nextDecoder(`${name}${extname(path)}`)) }),
            }
          : inCopy({ folder: outside(own, folder), path: join(below, numbered(own.name)) }, { path, pair })
      const names = companionsOf(files).map(onDisk)
      if (names.some((name) => paths.has(name))) continue
      if (own !== undefined) copies.set(own, (files as OutputFiles).copy!)
      for (const name of names) paths.add(name)
      outputs.set(index, files)
    }
  }
  const assigned = [...models.keys()].map((index) => outputs.get(index)!)
  // Inputs are protected from all outputs: one model's output may be another's input.
  const inputs = models.flatMap(({ path, pair }) => (pair === undefined ? [path] : [pair.models.first, pair.models.next]))
  for (const { model, next = model } of assigned)
    await Promise.all(inputs.flatMap((path) => [refuseInput(path, model), refuseInput(path, next)]))
  return assigned
}

/** What tells one name from another on every disk: some do not know capitals, some write letters with marks in one way only. */
function onDisk(path: string): string {
  return path.normalize('NFKC').toLowerCase()
}

/** The deepest folder that all of these are in. */
function commonFolder(folders: readonly string[]): string {
  const [first = '', ...others] = folders
  const parts = first.split(sep)
  const same = parts.findIndex((part, index) => others.some((other) => other.split(sep)[index] !== part))
  return (same < 0 ? parts : parts.slice(0, same)).join(sep) || sep
}

/** Throws where writing `output` would overwrite `input`, under whatever name. */
export async function refuseInput(input: string, output: string): Promise<void> {
  if ((await identity(input)) !== (await identity(output))) return
  throw usage(
    `pare: the output ${output} is the input itself, and inputs are never overwritten.`,
    'choose another folder with --out',
  )
}

/** A file's own path, behind symbolic links; where there is no file yet, the path it will have. */
function identity(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path))
}
