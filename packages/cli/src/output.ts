import { randomBytes } from 'node:crypto'
import { mkdir, realpath, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path'
import { usage } from './failure.js'

/** Where the results for one model go. */
export interface OutputFiles {
  readonly folder: string
  /** The pruned model: the input's file name. */
  readonly model: string
  readonly plan: string
}

/** 'models/resnet.onnx' → 'resnet'. */
export function modelName(path: string): string {
  return basename(path, extname(path))
}

/** `folder` defaults to ./pare-out/<model name>. Refuses a folder where the input itself would be overwritten. */
export async function outputFiles(input: string, { cwd, out }: { cwd: string; out: string | undefined }): Promise<OutputFiles> {
  const folder = resolve(cwd, out ?? join('pare-out', modelName(input)))
  const files = { folder, model: join(folder, basename(input)), plan: join(folder, `${modelName(input)}.plan.json`) }
  await refuseInput(input, files.model)
  return files
}

/** Output files for each model of a run: by file name, below their common folder where names meet, numbered where paths meet. */
export async function assignOutputs(
  models: readonly { readonly path: string }[],
  folder: string,
): Promise<readonly OutputFiles[]> {
  const common = commonFolder(models.map(({ path }) => dirname(path)))
  const taken = new Map<string, number>()
  const outputs = models.map(({ path }) => {
    const below = join(folder, relative(common, dirname(path)))
    const count = (taken.get(path) ?? 0) + 1
    taken.set(path, count)
    const name = count === 1 ? modelName(path) : `${modelName(path)}-${count}`
    return { folder: below, model: join(below, `${name}${extname(path)}`), plan: join(below, `${name}.plan.json`) }
  })
  // Inputs are protected from all outputs: one model's output may be another's input.
  for (const { model } of outputs) await Promise.all(models.map(({ path }) => refuseInput(path, model)))
  return outputs
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

/** Makes a folder for results, and takes it away again (as far as it is empty and was made here) when the work is not finished. */
export async function withFolder<Result>(folder: string, work: () => Promise<Result>): Promise<Result> {
  const made = await mkdir(folder, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    throw usage(`pare: the folder ${folder} cannot be made: ${cause.message}`, 'choose another folder with --out', cause)
  })
  try {
    return await work()
  } catch (error) {
    if (made !== undefined) await removeEmpty(folder, made)
    throw error
  }
}

/** From `folder` up to `top`, for as long as they are empty. */
async function removeEmpty(folder: string, top: string): Promise<void> {
  for (let current = folder; ; current = dirname(current)) {
    const removed = await rmdir(current).then(
      () => true,
      () => false,
    )
    if (!removed || current === top) return
  }
}

/** Writes a text under a temporary name first: the file is there whole or not at all. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
  try {
    await writeFile(temporary, text, { flag: 'wx' })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
