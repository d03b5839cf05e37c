import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { openRegular } from '@pare/onnx'

/** Bytes of a file after gzip, level 6: what it takes in an artifact or a package. The work is done off the main thread. */
export async function zippedSize(path: string, signal: AbortSignal): Promise<number> {
  let bytes = 0
  const count = async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) bytes += chunk.length
  }
  const { handle } = await openRegular(path)
  await pipeline(handle.createReadStream({ highWaterMark: 1 << 20 }), createGzip({ chunkSize: 1 << 18 }), count, { signal })
  return bytes
}
