import { join } from 'node:path'
import { chunks, elementCount, writeWhole } from '@pare/onnx'
import { hashFile } from '../files/hash.js'
import type { Publication } from '../files/publication.js'
import { MASK_ELEMENTS } from '../masks/mask-elements.js'
import { safetensorsHeader } from '../masks/safetensors.js'
import type { Progress } from '../terminal/progress.js'
import type { Checkpoint } from './checkpoint.js'
import type { PrunedCheckpoint, PrunedFile, PrunedTensor } from './prune-checkpoint.js'
import { rewrittenPayload } from './rewrite.js'

/** A file of a pruned checkpoint. */
export interface WrittenWeights {
  /** Relative to the folder. */
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

export interface WeightsPlace {
  /** Where the checkpoint goes. */
  readonly folder: string
  readonly publication: Publication
}

/** Writes the files of a pruned checkpoint to where they are published from, one tensor after another, and the index of shards where there is one. */
export async function writeCheckpoint(
  { shown, index }: Checkpoint,
  { files }: PrunedCheckpoint,
  { folder, publication }: WeightsPlace,
  { progress, signal }: { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<readonly WrittenWeights[]> {
  const activity = progress.begin(`${shown}: writing`)
  const total = files.reduce((sum, file) => sum + bytesOf(file), 0)
  let done = 0
  const tick = (bytes: number) => {
    signal.throwIfAborted()
    done += bytes
    activity.update(done, total)
  }
  const written: WrittenWeights[] = []
  try {
    for (const file of files) {
      const staged = await publication.staged(join(folder, file.name))
      const bytes = await writeWhole(staged, contentOf(file, tick))
      await using hashing = hashFile(staged)
      written.push({ name: file.name, bytes, sha256: await hashing.digest() })
    }
    if (index !== undefined) {
      const text = `${JSON.stringify(indexOf(index.content, files), undefined, 2)}\n`
      await writeWhole(await publication.staged(join(folder, index.name)), text)
    }
    return written
  } finally {
    activity.end()
  }
}

async function* contentOf({ tensors, metadata }: PrunedFile, tick: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  // As the library writes them: wider elements first, so that each tensor begins at a multiple of its own.
  const ordered = tensors.toSorted((a, b) => widthOf(b) - widthOf(a))
  const entries = ordered.map(({ name, shape, outcome }) => ({ name, shape, type: outcome.tensor.type }))
  yield safetensorsHeader(entries, metadata)
  for (const { outcome } of ordered) {
    for await (const { bytes } of chunks(await rewrittenPayload(outcome))) {
      yield bytes
      tick(bytes.length)
    }
  }
}

const widthOf = ({ outcome }: PrunedTensor) => MASK_ELEMENTS[outcome.tensor.type].width
const elementsIn = ({ tensors }: PrunedFile) => tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0)
const bytesOf = ({ tensors }: PrunedFile) => tensors.reduce((sum, each) => sum + elementCount(each.shape) * widthOf(each), 0)

/** The index with the shard of each tensor that is left, and its totals anew. */
function indexOf(content: Readonly<Record<string, unknown>>, files: readonly PrunedFile[]): object {
  const shards = files.flatMap(({ name: shard, tensors }) => tensors.map(({ name }) => [name, shard] as const))
  const { metadata } = content
  const totals = {
    total_size: files.reduce((sum, file) => sum + bytesOf(file), 0),
    total_parameters: files.reduce((sum, file) => sum + elementsIn(file), 0),
  }
  const about = typeof metadata === 'object' && metadata !== null ? metadata : {}
  const entries = Object.entries(totals).filter(([key]) => key === 'total_size' || key in about)
  return {
    ...content,
    metadata: { ...about, ...Object.fromEntries(entries) },
    weight_map: Object.fromEntries(shards.toSorted(([a], [b]) => (a < b ? -1 : 1))),
  }
}
