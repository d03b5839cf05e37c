import { PareError, parseJson } from '@pare/onnx'
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

/** As the library of the format has it. */
const MOST_HEADER_BYTES = 100_000_000
export const LENGTH_BYTES = 8

/** The first bytes of a file with these tensors of bools: what follows are their elements, in this order. */
export function safetensorsHeader(
  tensors: readonly { readonly name: string; readonly shape: readonly number[] }[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  let end = 0
  const entries = tensors.map(({ name, shape }): [string, object] => {
    const begin = end
    end += shape.reduce((product, size) => product * size, 1)
    return [name, { dtype: 'BOOL', shape, data_offsets: [begin, end] }]
  })
  const text = Buffer.from(JSON.stringify(Object.fromEntries([['__metadata__', metadata], ...entries])))
  // Elements begin at a multiple of 8, as the library writes them.
  const header = Buffer.alloc(LENGTH_BYTES + Math.ceil(text.length / 8) * 8, ' ')
  header.writeBigUInt64LE(BigInt(header.length - LENGTH_BYTES))
  header.set(text, LENGTH_BYTES)
  return header
}

/** How long the header is, from the first bytes of a file of `size` bytes. Throws PareError where that cannot be. */
export function headerLength(first: Uint8Array, { size, shown }: { readonly size: number; readonly shown: string }): number {
  if (first.length < LENGTH_BYTES) throw damaged(shown, `it has ${size} bytes, and the length of its header alone takes 8`)
  const length = Number(Buffer.from(first).readBigUInt64LE())
  if (length > size - LENGTH_BYTES) throw damaged(shown, `its header has ${length} bytes, and the file ${size}`)
  if (length > MOST_HEADER_BYTES)
    throw damaged(shown, `its header has ${length} bytes, more than the ${MOST_HEADER_BYTES} that the format allows`)
  return length
}

const count = z.number().int().nonnegative()
const entry = z.strictObject({ dtype: z.string(), shape: z.array(count).max(32), data_offsets: z.tuple([count, count]) })

/** The tensors that a header names, in the order in which they lie in the file. Throws PareError where they do not fill it one after another. */
export function parseHeader(
  header: Uint8Array,
  { size, shown }: { readonly size: number; readonly shown: string },
): SafeTensor[] {
  const start = LENGTH_BYTES + header.length
  const tensors = Object.entries(objectOf(header, shown)).flatMap(([name, value]) =>
    name === '__metadata__' ? [] : [tensorOf(name, value, { start, shown })],
  )
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)
  let end = start
  for (const { name, offset, bytes } of tensors) {
    if (offset !== end) throw damaged(shown, `'${name}' begins at byte ${offset}, and what lies before ends at ${end}`)
    end += bytes
  }
  if (end !== size) throw damaged(shown, `its tensors end at byte ${end}, and the file at ${size}`)
  return tensors
}

function tensorOf(name: string, value: unknown, { start, shown }: { start: number; shown: string }): SafeTensor {
  const { data, error } = entry.safeParse(value)
  if (data === undefined) {
    const [{ path, message }] = error.issues as [z.core.$ZodIssue]
    throw damaged(shown, `'${name}'${path.length > 0 ? `, ${path.join('.')}` : ''}: ${message}`)
  }
  const { dtype, shape, data_offsets: offsets } = data
  const type = TYPES[dtype as keyof typeof TYPES]
  if (!Object.hasOwn(TYPES, dtype) || type === undefined)
    throw new PareError(`${shown}: '${name}' holds ${dtype}; bools, integers or floats were expected.`, {
      hint: 'write the mask as bools: mask.bool()',
    })
  const bytes = shape.reduce((product, dim) => product * dim, 1) * MASK_ELEMENTS[type].width
  if (offsets[1] - offsets[0] !== bytes)
    throw damaged(shown, `'${name}' has ${offsets[1] - offsets[0]} bytes, and ${dtype}[${shape}] needs ${bytes}`)
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

function objectOf(header: Uint8Array, shown: string): object {
  try {
    const value = parseJson(Buffer.from(header).toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch (cause) {
    throw damaged(shown, `its header is not JSON: ${(cause as Error).message}`, cause)
  }
  throw damaged(shown, 'its header is no object of tensors by name')
}

function damaged(shown: string, what: string, cause?: unknown): PareError {
  return new PareError(`${shown} is no .safetensors file that can be read: ${what.replace(/\.$/, '')}.`, {
    hint: 'write it again with safetensors: save_file(masks, FILE)',
    cause,
  })
}
