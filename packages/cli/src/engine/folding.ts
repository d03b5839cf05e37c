import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type ComputeConstants, type FoldedModel, type Folding, type FoldOptions, foldWeights } from '@pare/core'
import {
  type DataType,
  expandStorage,
  filePayload,
  inlineFunctions,
  type Model,
  type ModelFile,
  makeTemporaryFolder,
  openModel,
  openRegular,
  sha256,
  type Tensor,
  withTensors,
  writeModel,
} from '@pare/onnx'
import { Failure } from '../terminal/failure.js'
import { childOf, type Work } from './work.js'

/** A model whose computed weights are stored. */
export interface OpenedModel extends AsyncDisposable {
  /** As it was found. */
  readonly file: ModelFile
  readonly model: Model
  readonly folded: Pick<FoldedModel, 'weights' | 'left'>
  /** For the plan. Undefined where nothing was folded. */
  folding(): Promise<Folding | undefined>
}

export type FoldingWork = Pick<Work, 'signal' | 'progress' | 'label' | 'engine'>

export interface OpeningOptions extends FoldOptions {
  /** Whether functions come in place of their calls. Default: true */
  readonly inline?: boolean
}

/**
 * Opens a model, makes plain weights of those that are stored sparsely, puts its functions in place of their calls, and stores what its operators read as weights and the graph computes from constants: ONNX Runtime
 * computes it, where there is something.
 */
export async function openFolded(
  path: string,
  work: FoldingWork,
  { inline = true, ...options }: OpeningOptions = {},
): Promise<OpenedModel> {
  const file = await openModel(path)
  const computing = constantsOver(work)
  const close = async () => {
    await computing[Symbol.asyncDispose]()
    await file[Symbol.asyncDispose]()
  }
  try {
    const plain = await expandStorage(file.model)
    const whole = inline ? inlineFunctions(plain) : plain
    const { model, ...folded } = await foldWeights(whole, computing.compute, options)
    const inlined = whole !== plain
    const folding = once(() => foldingOf(model, folded.weights, { ...options, inlined }))
    return { file, model, folded, folding, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Opens a model as it was when a plan was made for it. Throws where its computed weights are others here, or with `checkNumbers` false, where there are no such. */
export async function openPlanned(
  path: string,
  plan: { readonly folding?: Folding; readonly shown: string },
  work: FoldingWork,
  { checkNumbers = true }: { readonly checkNumbers?: boolean } = {},
): Promise<OpenedModel> {
  const { folding: expected } = plan
  const only = new Set(expected?.weights.map(({ value }) => value))
  const opened = await openFolded(path, work, {
    only,
    mergeAdapters: expected?.mergeAdapters ?? false,
    inline: expected?.inlined ?? false,
  })
  try {
    const weights = new Map((await opened.folding())?.weights.map((weight) => [weight.value, weight]))
    for (const { id, value, sha256: hash } of expected?.weights ?? []) {
      const weight = weights.get(value)
      if (weight?.id !== id || (checkNumbers && weight.sha256 !== hash))
        throw otherWeight(plan.shown, value, weight === undefined)
    }
    return opened
  } catch (error) {
    await opened[Symbol.asyncDispose]()
    throw error
  }
}

function otherWeight(plan: string, value: string, isMissing: boolean): Failure {
  const what = isMissing ? 'it cannot be computed here' : 'it comes out with other numbers here, by rounding'
  return new Failure(
    'infrastructure',
    `pare replay: ${plan} is for a model whose weight '${value}' is computed first, and ${what}.`,
    {
      hint: 'replay the plan where it was made, or make a new one here: pare plan MODEL',
    },
  )
}

async function foldingOf(
  model: Model,
  weights: FoldedModel['weights'],
  { inlined, mergeAdapters }: Pick<FoldOptions, 'mergeAdapters'> & { readonly inlined: boolean },
): Promise<Folding | undefined> {
  if (weights.length === 0 && !inlined) return undefined
  // In branches and loops they go by their way to them.
  const tensors = new Map<string, Tensor>()
  withTensors(model, (tensor, id) => {
    tensors.set(id, tensor)
    return tensor
  })
  const facts: { id: string; value: string; sha256: string }[] = []
  for (const { id, value } of weights) facts.push({ id, value, sha256: await sha256(tensors.get(id)!.data) })
  return {
    ...(inlined && { inlined: true as const }),
    ...(mergeAdapters === true && { mergeAdapters: true as const }),
    weights: facts,
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

interface Computing extends AsyncDisposable {
  readonly compute: ComputeConstants
}

/** Computes constants in one child process. Their elements stay in a file of its own until this is disposed of: each is computed once, however often it is read. */
function constantsOver({ signal, progress, label, engine }: FoldingWork): Computing {
  const closing: (() => Promise<unknown>)[] = []
  const compute: ComputeConstants = async (models) => {
    const { computeConstants } = await import('@pare/evaluate')
    const activity = progress.begin(`${label}: computing weights`)
    const folder = makeTemporaryFolder('weights')
    closing.unshift(() => rm(folder, { recursive: true, force: true }))
    try {
      const paths: string[] = []
      for (const [i, model] of models.entries()) {
        paths.push(join(folder, `${i}`, 'weights.onnx'))
        await writePart(model, folder, i, signal)
      }
      const out = join(folder, 'weights.bin')
      const places = await computeConstants({ models: paths, out }, { signal, ...childOf(engine) })
      for (const i of models.keys()) await rm(join(folder, `${i}`), { recursive: true, force: true })
      const { handle } = await openRegular(out, 'computed weights')
      closing.unshift(() => handle.close())
      return places.map((own) =>
        'failure' in own
          ? own
          : own.map(({ type, shape, offset, bytes }) => ({
              type: type as DataType,
              shape,
              data: filePayload(handle, { path: out, offset }, bytes),
            })),
      )
    } finally {
      activity.end()
    }
  }
  return {
    compute,
    async [Symbol.asyncDispose]() {
      for (const close of closing) await close()
    },
  }
}

/** In a folder of its own, since it may have data beside it. */
async function writePart(model: Model, folder: string, i: number, signal: AbortSignal): Promise<void> {
  const { mkdir } = await import('node:fs/promises')
  await mkdir(join(folder, `${i}`))
  await writeModel(model, join(folder, `${i}`, 'weights.onnx'), { signal })
}
