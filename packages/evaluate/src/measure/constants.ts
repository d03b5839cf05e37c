import { open } from 'node:fs/promises'
import type { ElementType } from '../data/ndarray.js'
import { createSession, type Runtime, toArray } from '../process/runtime.js'

/** Models without inputs, whose outputs are computed. */
export interface ConstantsRequest {
  /** Their paths. */
  readonly models: readonly string[]
  /** Path of a new file that the elements are written to, one output after another. */
  readonly out: string
}

/** An output: its elements stand in the file from `offset` on, row-major and little-endian. */
export interface ConstantPlace {
  readonly type: ElementType
  readonly shape: readonly number[]
  readonly offset: number
  readonly bytes: number
}

/** The outputs of a model in order, or why there are none. */
export type ConstantPlaces = readonly ConstantPlace[] | { readonly failure: string }

/** Runs the models one after another in this process, on the CPU and in one thread: the same numbers each time. `computeConstants` does so in a child. */
export async function constants(runtime: Runtime, { models, out }: ConstantsRequest): Promise<readonly ConstantPlaces[]> {
  const file = await open(out, 'wx')
  try {
    const places: ConstantPlaces[] = []
    let offset = 0
    for (const path of models) {
      const outputs = await outputsOf({ ...runtime, provider: 'cpu' }, path)
      if ('failure' in outputs) {
        places.push(outputs)
        continue
      }
      const own: ConstantPlace[] = []
      for (const { type, shape, data } of outputs) {
        const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
        await file.writeFile(bytes)
        own.push({ type, shape, offset, bytes: bytes.byteLength })
        offset += bytes.byteLength
      }
      places.push(own)
    }
    return places
  } finally {
    await file.close()
  }
}

async function outputsOf(runtime: Runtime, path: string) {
  try {
    const session = await createSession(runtime, path, { threads: 1, optimized: false })
    try {
      const results = await session.run({})
      return session.outputNames.map((name) => toArray(results[name]!, path))
    } finally {
      await session.release()
    }
  } catch (error) {
    return { failure: firstLine((error as Error).message).replace(`${path}: `, '') }
  }
}

const firstLine = (message: string) => message.split('\n', 1)[0]!
