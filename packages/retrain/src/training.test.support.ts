import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadRuntime } from '@pare/evaluate'
import { editTensor, type Model, makePayload, openModel, withTensors, writeModel } from '@pare/onnx'
import { afterAll } from 'vitest'
import type { RetrainRequest } from './prepare.js'
import { runTraining, type Talking } from './run.js'

export const testModel = (name: string) => fileURLToPath(new URL(`../../../test-models/${name}`, import.meta.url))

/** A folder that is removed after the tests of a file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pare-retrain-test-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Samples as a data file. */
export function jsonLines(folder: string, name: string, samples: readonly object[]): string {
  const path = join(folder, name)
  writeFileSync(path, samples.map((sample) => `${JSON.stringify(sample)}\n`).join(''))
  return path
}

/** A test model in memory. */
export async function loaded(name: string): Promise<Model> {
  const file = await openModel(testModel(name))
  const { model } = file
  const bytes = new Map<string, Uint8Array>()
  for (const { name: id, data } of model.graph.initializers) {
    const own = new Uint8Array(data.byteLength)
    await data.read(own, 0)
    bytes.set(id, own)
  }
  await file[Symbol.asyncDispose]()
  return withTensors(model, (tensor, id) => (bytes.has(id) ? editTensor(tensor, { data: makePayload(bytes.get(id)!) }) : tensor))
}

/** The model with other numbers in some tensors. */
export function withNumbers(model: Model, numbers: (id: string, shape: readonly number[]) => Float32Array | undefined): Model {
  return withTensors(model, (tensor, id) => {
    const values = numbers(id, tensor.shape)
    return values === undefined
      ? tensor
      : editTensor(tensor, { data: makePayload(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)) })
  })
}

/** Weights as they are before any training: uniform within ±√(6 ÷ fan in) ÷ √3, biases 0. A function of name and position. */
export function untrained(model: Model): Model {
  return withNumbers(model, (id, shape) => {
    const length = shape.reduce((a, b) => a * b, 1)
    const fanIn = shape.length > 1 ? length / shape[0]! : Number.POSITIVE_INFINITY
    let state = [...id].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), 7)
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0
      return (state >>> 0) / 2 ** 31 - 1
    }
    return Float32Array.from({ length }, () => random() * Math.sqrt(2 / fanIn))
  })
}

/** Trains in this process, and gives tensors by name. */
export async function trainHere(
  model: Model,
  folder: string,
  request: Partial<RetrainRequest> & { data: string },
  talking: Partial<Talking> = {},
) {
  const path = join(folder, 'model.onnx')
  await writeModel(model, path)
  const { readFile } = await import('node:fs/promises')
  const whole = { seed: 1, holdOut: 0, threads: 1, model: path, folder, ...request }
  const reply = await runTraining(loadRuntime(), whole, { onProgress: () => {}, isStopped: () => false, ...talking })
  const bytes = await readFile(join(folder, 'trained'))
  const tensors = new Map<string, Float32Array>()
  let at = 0
  for (const { id, shape } of reply.tensors) {
    const length = shape.reduce((a, b) => a * b, 1)
    tensors.set(id, new Float32Array(new Uint8Array(bytes.subarray(at, at + 4 * length)).buffer))
    at += 4 * length
  }
  return { reply, tensors }
}
