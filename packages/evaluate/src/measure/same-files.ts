import { createReadStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { openModel, withTensors } from '@pare/onnx'

/** Whether two models are the same file, or the same bytes with nothing outside of them. Of models with external data only the former is looked at. */
export async function sameFiles(one: string, other: string): Promise<boolean> {
  const [path, otherPath] = await Promise.all([realpath(one), realpath(other)])
  if (path === otherPath) return true
  const [{ size }, { size: otherSize }] = await Promise.all([stat(path), stat(otherPath)])
  if (size !== otherSize || (await hasExternal(path))) return false
  const chunks = createReadStream(otherPath, { highWaterMark: CHUNK })[Symbol.asyncIterator]()
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK })) {
    const { value } = await chunks.next()
    if (value === undefined || !(chunk as Buffer).equals(value as Buffer)) return false
  }
  return true
}

const CHUNK = 2 ** 20

async function hasExternal(path: string): Promise<boolean> {
  await using file = await openModel(path)
  let isExternal = false
  withTensors(file.model, (tensor) => {
    isExternal ||= tensor.storage === 'external'
    return tensor
  })
  return isExternal
}
