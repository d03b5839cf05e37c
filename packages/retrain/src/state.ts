import { PareError, readRegular, systemCode, writeWhole } from '@pare/onnx'

/** A training as it stands after a step: what it is of, how far it is, and all its numbers. */
export interface SavedTraining<Progress> {
  /** Hash of all that decides how it goes on. */
  readonly identity: string
  readonly progress: Progress
  /** By name. */
  readonly numbers: ReadonlyMap<string, Uint8Array>
}

const MAGIC = 'pare-retrain 1\n'

/** Writes it: the file is there whole or not at all. */
export async function writeState<Progress>(
  path: string,
  { identity, progress, numbers }: SavedTraining<Progress>,
): Promise<void> {
  const head = { identity, progress, numbers: [...numbers].map(([name, bytes]) => [name, bytes.byteLength]) }
  await writeWhole(path, [`${MAGIC}${JSON.stringify(head)}\n`, ...numbers.values()])
}

const MOST_BYTES = Number.MAX_SAFE_INTEGER

/** Reads it back. Undefined where there is no such file, or where it is of another training. Throws PareError for a file that is something else. */
export async function readState<Progress>(path: string, identity: string): Promise<SavedTraining<Progress> | undefined> {
  const bytes = await readRegular(path, { what: 'the state of a training', maxBytes: MOST_BYTES }).catch((cause: unknown) => {
    if (systemCode(cause) === 'ENOENT') return undefined
    throw new PareError(`retrain: the state cannot be read: ${(cause as Error).message}`, { hint: 'name another file.', cause })
  })
  if (bytes === undefined) return undefined
  const end = bytes.indexOf('\n', MAGIC.length)
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC || end < 0) throw noState(path)
  const head = parsed<{ identity: string; progress: Progress; numbers: [string, number][] }>(
    bytes.toString('utf8', MAGIC.length, end),
  )
  const size = head?.numbers.reduce((sum, [, length]) => sum + length, 0)
  if (head === undefined || end + 1 + size! !== bytes.length) throw noState(path)
  if (head.identity !== identity) return undefined
  let at = end + 1
  const numbers = new Map<string, Uint8Array>()
  for (const [name, length] of head.numbers) {
    numbers.set(name, new Uint8Array(bytes.subarray(at, at + length)))
    at += length
  }
  return { identity, progress: head.progress, numbers }
}

function parsed<Head>(text: string): Head | undefined {
  try {
    return JSON.parse(text) as Head
  } catch {
    return undefined
  }
}

function noState(path: string): PareError {
  return new PareError(`retrain: ${path} is not the state of a training.`, { hint: 'name another file, or remove this one.' })
}
