import { realpath } from 'node:fs/promises'
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path'
import { MASK_FORMATS } from '../options/prune.js'
import { usage } from '../terminal/failure.js'
import { payloadPath } from './plan-files.js'

/** Where the results for one model go. */
export interface OutputFiles {
  readonly folder: string
  /** The pruned model: the input's file name. */
  readonly model: string
  readonly plan: string
}

/** What a run says of all its models, in the order in which it is put in place. */
export const VERDICT_FILES = ['report.html', 'summary.md', 'results.json']

export function isVerdict(path: string, folder: string): boolean {
  return dirname(path) === folder && VERDICT_FILES.includes(basename(path))
}

/** Every file that may be written for one model. */
export function companionsOf({ model, plan }: OutputFiles): readonly string[] {
  return [...modelFiles(model), plan, payloadPath(plan), ...MASK_FORMATS.map((format) => masksPath(plan, format))]
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

/** `folder` defaults to ./pare-out/<model name>. Refuses a folder where the input itself would be overwritten. */
export async function outputFiles(input: string, { cwd, out }: { cwd: string; out?: string | undefined }): Promise<OutputFiles> {
  const [files] = await assignOutputs([{ path: input }], resolve(cwd, out ?? join('pare-out', modelName(input))))
  return files!
}

/**
 * Output files for each model of a run: by file name, below their common folder where names meet, numbered where paths meet, or would on a
 * disk that does not tell capitals from small letters.
 */
export async function assignOutputs(
  models: readonly { readonly path: string }[],
  folder: string,
): Promise<readonly OutputFiles[]> {
  const common = commonFolder(models.map(({ path }) => dirname(path)))
  const paths = new Set(VERDICT_FILES.map((name) => onDisk(join(folder, name))))
  const outputs = new Map<number, OutputFiles>()
  const isFirst = (index: number) => models.findIndex(({ path }) => path === models[index]!.path) === index
  const inTurn = [...models.keys()].sort((a, b) => Number(isFirst(b)) - Number(isFirst(a)))
  for (const index of inTurn) {
    const { path } = models[index]!
    const below = join(folder, relative(common, dirname(path)))
    for (let count = 1; !outputs.has(index); count++) {
      const name = count === 1 ? modelName(path) : `${modelName(path)}-${count}`
      const files = { folder: below, model: join(below, `${name}${extname(path)}`), plan: join(below, `${name}.plan.json`) }
      const names = companionsOf(files).map(onDisk)
      if (names.some((name) => paths.has(name))) continue
      for (const name of names) paths.add(name)
      outputs.set(index, files)
    }
  }
  const assigned = [...models.keys()].map((index) => outputs.get(index)!)
  // Inputs are protected from all outputs: one model's output may be another's input.
  for (const { model } of assigned) await Promise.all(models.map(({ path }) => refuseInput(path, model)))
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
