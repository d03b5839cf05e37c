import { constants } from 'node:fs'
import { type FileHandle, lstat, open, realpath } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { filePayload, makePayload } from '../bytes/payload.js'
import { TensorProto_DataLocation as DataLocation, type ModelProto, type TensorProto } from '../bytes/proto.js'
import { tensorProtos } from '../bytes/tensor-protos.js'
import { fileBytes } from '../bytes/wire.js'
import { PareError } from '../error.js'
import type { Payload } from '../model.js'
import { isLfsPointer, lfsPointer } from './lfs.js'
import { type FileState, stateOf, unreadable } from './regular-file.js'

interface Settings {
  /** Default: external data are refused. */
  readonly folder?: string
  readonly allowHardLinks: boolean
  /** Read each file whole, so that nothing stays open. Default: false. */
  readonly inMemory?: boolean
}

interface DataFile {
  readonly path: string
  readonly size: number
  stretch(offset: number, length: number): Payload
}

/**
 * The files of external data of one model. Only regular files inside the model's folder are read, through a handle that was
 * checked after it was opened: no symbolic link, no second hard link, no hidden file, no way out.
 */
export class External {
  readonly #settings: Settings
  readonly #files = new Map<string, DataFile>()
  readonly #handles: FileHandle[] = []
  /** Of the files when they were opened. */
  readonly #states: FileState[] = []

  constructor(settings: Settings) {
    this.#settings = settings
  }

  /** Real paths of the files. */
  get paths(): readonly string[] {
    return [...this.#files.values()].map((file) => file.path)
  }

  get states(): readonly FileState[] {
    return this.#states
  }

  get locations(): readonly string[] {
    return [...this.#files.keys()]
  }

  /** Opens every file that a tensor of the model names. */
  async openAll(model: ModelProto, label: string): Promise<void> {
    for (const tensor of tensorProtos(model)) {
      if (tensor.dataLocation !== DataLocation.EXTERNAL) continue
      checkEntries(tensor, label)
      const location = entry(tensor, 'location') ?? ''
      if (!this.#files.has(location)) this.#files.set(location, await this.#open(location, { tensor: tensor.name, label }))
    }
  }

  /** Elements of a tensor, `bytes` of them. Throws PareError when offset or length do not fit. */
  readonly payload = (tensor: TensorProto, bytes: number): Payload => {
    const location = entry(tensor, 'location') ?? ''
    const file = this.#files.get(location)
    if (file === undefined)
      throw new PareError(`tensor '${tensor.name}' has external data, '${location}', expected none.`, { hint: INLINE })
    const offset = wholeNumber(tensor, 'offset') ?? 0
    const length = wholeNumber(tensor, 'length') ?? bytes
    if (length !== bytes) {
      throw new PareError(
        `${file.path}: tensor '${tensor.name}' has a length of ${length} bytes, its type and shape take ${bytes}.`,
        {
          hint: DAMAGED,
        },
      )
    }
    if (offset + length > file.size) {
      const hint = 'the file of external data is cut off, or belongs to another model: copy both again.'
      const range = `the bytes from ${offset} to ${offset + length}`
      throw new PareError(`${file.path}: tensor '${tensor.name}' is ${range}, but the file ends at ${file.size}.`, { hint })
    }
    return file.stretch(offset, length)
  }

  async close(): Promise<void> {
    await Promise.all(this.#handles.splice(0).map((handle) => handle.close()))
  }

  async #open(location: string, user: { readonly tensor: string; readonly label: string }): Promise<DataFile> {
    const refuse = (problem: string, hint: string): PareError =>
      new PareError(`${user.label}: external data '${location}' of tensor '${user.tensor}' ${problem}.`, { hint })
    const { folder, allowHardLinks, inMemory } = this.#settings
    if (folder === undefined)
      throw refuse('cannot be looked for', 'open the model from its file, or name the folder with externalFrom.')
    const path = await insideFolder(folder, location, refuse)
    // Opening a pipe would wait for its writer, and a link must not be followed even if it replaces the file now.
    const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
    const handle = await open(path, flags).catch((cause: unknown) => {
      throw unreadable(path, cause)
    })
    this.#handles.push(handle)
    this.#states.push(stateOf(path, await handle.stat({ bigint: true })))
    const { size, nlink } = await regular(handle, path, refuse)
    if (nlink > 1 && !allowHardLinks) {
      throw refuse(
        `has ${nlink} hard links, expected 1`,
        'copy the file, or allow hard links if you trust where the model came from.',
      )
    }
    if (isLfsPointer(fileBytes(handle.fd, size, path))) throw lfsPointer(path)
    if (inMemory !== true) return { path, size, stretch: (offset, length) => filePayload(handle, { path, offset }, length) }
    const whole = await handle.readFile()
    return { path, size, stretch: (offset, length) => makePayload(whole.subarray(offset, offset + length)) }
  }
}

/**
 * Run times read these entries too. What two readers may understand in two ways is refused: an entry that stands there twice, of which one takes the first and
 * another the last, and entries with a meaning of their own, such as where ONNX Runtime looks for a tensor that it has packed before.
 */
function checkEntries({ name, externalData }: TensorProto, label: string): void {
  const keys = new Set<string>()
  for (const { key } of externalData) {
    const shown = key.slice(0, 40)
    if (!KEYS.has(key)) {
      throw new PareError(
        `${label}: external data of tensor '${name}' have the entry '${shown}', expected ${[...KEYS].join(', ')}.`,
        {
          hint: 'save the model again with onnx.save, or export it again.',
        },
      )
    }
    if (keys.has(key))
      throw new PareError(`${label}: external data of tensor '${name}' have the entry '${shown}' twice.`, { hint: DAMAGED })
    keys.add(key)
  }
}

/** All that the format knows and ONNX Runtime takes. */
const KEYS: ReadonlySet<string> = new Set(['location', 'offset', 'length', 'checksum'])

type Refuse = (problem: string, hint: string) => PareError

/** The real path of `location`, proved to lie in `folder` without a link on the way. */
async function insideFolder(folder: string, location: string, refuse: Refuse): Promise<string> {
  const steps = location.split(/[/\\]/)
  const inside = "put the file into the model's folder and save the model with its plain name as location."
  if (location === '' || location.includes('\0') || location.length > 4096) throw refuse('is not the name of a file', inside)
  // ONNX Runtime has names such as '*/_ORT_MEM_ADDR_/*' for places in its memory.
  if (location.includes('*')) throw refuse("has a '*' in its name", inside)
  // On Windows it leads into a folder, elsewhere it is part of a name: not every reader opens the same file.
  if (location.includes('\\') && process.platform !== 'win32') throw refuse("has a '\\' in its name", inside)
  if (isAbsolute(location) || /^[a-z]:/i.test(location)) throw refuse('is an absolute path', inside)
  if (steps.includes('..')) throw refuse("leaves the model's folder", inside)
  if (steps.some((step) => step.startsWith('.') && step !== '.')) throw refuse('is a hidden file or in a hidden folder', inside)
  const root = await realpath(folder)
  const path = join(root, ...steps)
  const real = await realpath(path).catch((cause: unknown) => {
    throw missing(cause, refuse, path)
  })
  const entryItself = await lstat(path)
  if (real !== path || entryItself.isSymbolicLink())
    throw refuse('is reached through a symbolic link', 'replace the link by the file itself.')
  if (!entryItself.isFile()) throw refuse('is not a regular file', inside)
  return path
}

function missing(cause: unknown, refuse: Refuse, path: string): PareError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code !== 'ENOENT' && code !== 'ENOTDIR') return unreadable(path, cause)
  return refuse(`is missing: there is no ${path}`, 'copy the file of external data along with the model.')
}

async function regular(handle: FileHandle, path: string, refuse: Refuse): Promise<{ size: number; nlink: number }> {
  const [opened, named] = await Promise.all([handle.stat({ bigint: true }), lstat(path, { bigint: true })])
  if (!opened.isFile()) throw refuse('is not a regular file', 'replace it by the file itself.')
  if (opened.ino !== named.ino || opened.dev !== named.dev) throw refuse('was replaced while it was opened', 'run again.')
  return { size: Number(opened.size), nlink: Number(opened.nlink) }
}

const INLINE = 'save the model with its tensors in it, or open it from its file.'
const DAMAGED = 'the model is damaged: export, copy or download it again.'

/** An entry of where a tensor's elements are; `checkEntries` has seen to it that there is only one. */
export function entry(tensor: TensorProto, key: string): string | undefined {
  return tensor.externalData.find((each) => each.key === key)?.value
}

function wholeNumber(tensor: TensorProto, key: 'offset' | 'length'): number | undefined {
  const text = entry(tensor, key)
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(value)) return value
  throw new PareError(
    `tensor '${tensor.name}': ${key} of its external data is '${text.slice(0, 40)}', expected a whole number.`,
    {
      hint: DAMAGED,
    },
  )
}
