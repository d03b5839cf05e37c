import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { openModel, openRegular } from '@pare/onnx'
import { externalFiles } from '../../files/hash-model.js'

/** Bytes of a model's file and of those of its external data after gzip, level 6: what it takes in an artifact or a package. The work is done off the main thread. */
export async function zippedSize(path: string, signal: AbortSignal): Promise<number> {
  let bytes = 0
  const count = async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) bytes += chunk.length
  }
  for (const file of [path, ...(await externalOf(path))]) {
    const { handle } = await openRegular(file)
    await pipeline(handle.createReadStream({ highWaterMark: 1 << 20 }), createGzip({ chunkSize: 1 << 18 }), count, { signal })
  }
  return bytes
}

/** The same of several models together. */
export async function zippedSizes(paths: readonly string[], signal: AbortSignal): Promise<number> {
  let bytes = 0
  for (const path of paths) bytes += await zippedSize(path, signal)
  return bytes
}

async function externalOf(path: string): Promise<readonly string[]> {
  await using file = await openModel(path)
  return externalFiles(file.model)
}
