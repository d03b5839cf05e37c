import { elementCount, filePayload, type OpenedFile, PareError, parseJson, readAll } from '@pare/onnx'
import { z } from 'zod'
import { MASK_ELEMENTS } from './mask-elements.js'

// The format: https://huggingface.co/docs/safetensors. 8 bytes with the length of a JSON header, the header, and the elements of all tensors one after another.

/** A tensor of a file, as its header has it. */
export interface SafeTensor {
  readonly name: string
  readonly type: keyof typeof MASK_ELEMENTS
  readonly shape: readonly number[]
  /** In the file. */
  readonly offset: number
  readonly bytes: number
}

/** What is wanted of a file, for what messages advise. */
export type SafeContent = 'masks' | 'a checkpoint'

/** A file, and what messages call it. */
export interface SafeSource {
  readonly shown: string
  readonly size: number
  readonly content: SafeContent
}

export interface SafeHeader {
  /** In the order in which they lie in the file. */
  readonly tensors: readonly SafeTensor[]
  readonly metadata: Readonly<Record<string, string>>
}

/** As the library of the format has it. */
const MOST_HEADER_BYTES = 100_000_000
const LENGTH_BYTES = 8

/** The first bytes of a file with these tensors: what follows are their elements, in this order. */
export function safetensorsHeader(
  tensors: readonly { readonly name: string; readonly type: SafeTensor['type']; readonly shape: readonly number[] }[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  let end = 0
  const entries = tensors.map(({ name, type, shape }): [string, object] => {
    const begin = end
    end += elementCount(shape) * MASK_ELEMENTS[type].width
    return [name, { dtype: NAMES.get(type), shape, data_offsets: [begin, end] }]
  })
  const about = Object.keys(metadata).length === 0 ? [] : [['__metadata__', metadata] as const]
  const text = Buffer.from(JSON.stringify(Object.fromEntries([...about, ...entries])))
  // Elements begin at a multiple of 8, as the library writes them.
  const header = Buffer.alloc(LENGTH_BYTES + Math.ceil(text.length / 8) * 8, ' ')
  header.writeBigUInt64LE(BigInt(header.length - LENGTH_BYTES))
  header.set(text, LENGTH_BYTES)
  return header
}

/** What a file says that it holds. Throws PareError where its tensors do not fill it one after another, or have types that are not known. */
export async function readHeader(
  { handle, size }: OpenedFile,
  { path, ...about }: { readonly path: string } & Pick<SafeSource, 'shown' | 'content'>,
): Promise<SafeHeader> {
  const source = { ...about, size }
  const stretch = (offset: number, length: number) => readAll(filePayload(handle, { path, offset }, length))
  const length = headerLength(await stretch(0, Math.min(LENGTH_BYTES, size)), source)
  return parseHeader(await stretch(LENGTH_BYTES, length), source)
}

function headerLength(first: Uint8Array, source: SafeSource): number {
  const { size } = source
  if (first.length < LENGTH_BYTES) throw damaged(source, `it has ${size} bytes, and the length of its header alone takes 8`)
  const length = Number(Buffer.from(first).readBigUInt64LE())
  if (length > size - LENGTH_BYTES) throw damaged(source, `its header has ${length} bytes, and the file ${size}`)
  if (length > MOST_HEADER_BYTES)
    throw damaged(source, `its header has ${length} bytes, more than the ${MOST_HEADER_BYTES} that the format allows`)
  return length
}

const count = z.number().int().nonnegative()
const entry = z.strictObject({ dtype: z.string(), shape: z.array(count).max(32), data_offsets: z.tuple([count, count]) })

function parseHeader(header: Uint8Array, source: SafeSource): SafeHeader {
  const start = LENGTH_BYTES + header.length
  const { __metadata__: about = {}, ...entries } = objectOf(header, source)
  const metadata = z.record(z.string(), z.string()).safeParse(about).data
  if (metadata === undefined) throw damaged(source, '__metadata__ holds something other than texts')
  const tensors = Object.entries(entries).map(([name, value]) => tensorOf(name, value, { start, source }))
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)
  let end = start
  for (const { name, offset, bytes } of tensors) {
    if (offset !== end) throw damaged(source, `'${name}' begins at byte ${offset}, and what lies before ends at ${end}`)
    end += bytes
  }
  if (end !== source.size) throw damaged(source, `its tensors end at byte ${end}, and the file at ${source.size}`)
  return { tensors, metadata }
}

function tensorOf(name: string, value: unknown, { start, source }: { start: number; source: SafeSource }): SafeTensor {
  const { data, error } = entry.safeParse(value)
  if (data === undefined) {
    const [{ path, message }] = error.issues as [z.core.$ZodIssue]
    throw damaged(source, `'${name}'${path.length > 0 ? `, ${path.join('.')}` : ''}: ${message}`)
  }
  const { dtype, shape, data_offsets: offsets } = data
  const type = TYPES[dtype as keyof typeof TYPES]
  if (!Object.hasOwn(TYPES, dtype) || type === undefined)
    throw new PareError(`${source.shown}: '${name}' holds ${dtype}; bools, integers or floats were expected.`, {
      hint: ADVICE[source.content].type,
    })
  const bytes = elementCount(shape) * MASK_ELEMENTS[type].width
  if (offsets[1] - offsets[0] !== bytes)
    throw damaged(source, `'${name}' has ${offsets[1] - offsets[0]} bytes, and ${dtype}[${shape}] needs ${bytes}`)
  return { name, type, shape, offset: start + offsets[0], bytes }
}

const TYPES = {
  BOOL: 'bool',
  I8: 'int8',
  U8: 'uint8',
  I16: 'int16',
  U16: 'uint16',
  I32: 'int32',
  U32: 'uint32',
  I64: 'int64',
  U64: 'uint64',
  F16: 'float16',
  BF16: 'bfloat16',
  F32: 'float32',
  F64: 'float64',
} as const satisfies Readonly<Record<string, keyof typeof MASK_ELEMENTS>>

const NAMES = new Map(Object.entries(TYPES).map(([name, type]) => [type, name]))

const ADVICE: Readonly<Record<SafeContent, { readonly damaged: string; readonly type: string }>> = {
  masks: {
    damaged: 'write it again with safetensors: save_file(masks, FILE)',
    type: 'write the mask as bools: mask.bool()',
  },
  'a checkpoint': {
    damaged: 'download it again, or write it with safetensors: save_file(tensors, FILE)',
    type: 'take the checkpoint from before it was stored in fewer bits',
  },
}

function objectOf(header: Uint8Array, source: SafeSource): Readonly<Record<string, unknown>> {
  try {
    const value = parseJson(Buffer.from(header).toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>
  } catch (cause) {
    throw damaged(source, `its header is not JSON: ${(cause as Error).message}`, cause)
  }
  throw damaged(source, 'its header is no object of tensors by name')
}

function damaged({ shown, content }: SafeSource, what: string, cause?: unknown): PareError {
  return new PareError(`${shown} is no .safetensors file that can be read: ${what.replace(/\.$/, '')}.`, {
    hint: ADVICE[content].damaged,
    cause,
  })
}
