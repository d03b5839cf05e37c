import { basename, join } from 'node:path'
import { present } from '@pare/onnx'
import { isFolder } from '../files/paths.js'
import type { Task } from '../settings/task.js'
import { usage } from '../terminal/failure.js'
import { type ModelFolder, modelFileOf, openModelFolder } from './model-folder.js'

/** Whether a folder holds an encoder and the decoder that it reads for, in this order. */
export function isEncoderDecoder({ models }: ModelFolder): boolean {
  const [encoder, decoder, other] = models.map((model) => basename(model))
  return other === undefined && /encoder/.test(encoder ?? '') && /decoder/.test(decoder ?? '')
}

/** The task of one model, or of a decoder with the path of the encoder that reads for it. Throws `Failure` for other sets of models. */
export function theDecoderOf(tasks: readonly Task[]): { readonly task: Task; readonly encoder?: string } {
  const [first, second] = tasks as readonly [Task, Task?]
  if (second === undefined) return { task: first }
  if (tasks.length === 2 && first.folder !== undefined && isEncoderDecoder(first.folder))
    return { task: second, encoder: first.path }
  throw usage(
    `pare evaluate: ${first.folder?.name} holds ${tasks.length} models that belong together: ${first.folder?.models.join(', ')}.`,
    `name one of them: ${first.name}`,
  )
}

/** A model that is there until this is disposed of, a decoder with its encoder where the path is a folder of both. */
export async function openAsOne(path: string): Promise<{ readonly path: string; readonly encoder?: string } & AsyncDisposable> {
  const folder = (await isFolder(path)) ? await openModelFolder(path) : undefined
  if (folder === undefined || !isEncoderDecoder(folder)) return modelFileOf(path)
  const [encoder, decoder] = await Promise.all(
    folder.models.map((model) => modelFileOf(path, async (file) => file === join(path, model))),
  )
  return {
    path: decoder!.path,
    ...present({ encoder: encoder!.path }),
    [Symbol.asyncDispose]: async () => {
      await encoder![Symbol.asyncDispose]()
      await decoder![Symbol.asyncDispose]()
    },
  }
}
