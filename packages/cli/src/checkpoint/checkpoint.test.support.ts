import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Model, openModel, readAll, writeModel } from '@pare/onnx'
import { tinyModels, writeTinyFolder } from '@pare/testing'
import { pare } from '../testing/terminal.js'

/** Numbers with their shape, row by row. */
export interface Table {
  readonly shape: readonly number[]
  readonly values: readonly number[]
}

export type Tables = Readonly<Record<string, Table>>

export type Dtype = 'F32' | 'F16' | 'BF16'

const WIDTHS: Readonly<Record<Dtype, number>> = { F32: 4, F16: 2, BF16: 2 }

/** Bytes of numbers, written from the definitions of the formats: a bf16 is the upper half of an f32 that has nothing in the lower one. */
function encoded({ values }: Table, dtype: Dtype): Buffer {
  const bytes = Buffer.alloc(values.length * WIDTHS[dtype])
  for (const [i, value] of values.entries()) {
    if (dtype === 'F32') bytes.writeFloatLE(value, 4 * i)
    else {
      const whole = Buffer.alloc(4)
      whole.writeFloatLE(value)
      if (dtype === 'BF16') bytes.writeUInt16LE(whole.readUInt16LE(2), 2 * i)
      else bytes.writeUInt16LE(half(value), 2 * i)
    }
  }
  return bytes
}

/** Of numbers that have a form as binary16: sign, exponent + 15, ten bits behind the leading one. */
function half(value: number): number {
  if (value === 0) return 0
  const exponent = Math.floor(Math.log2(Math.abs(value)))
  const bits = (Math.abs(value) / 2 ** exponent - 1) * 1024
  if (!Number.isInteger(bits) || exponent < -14 || exponent > 15) throw new RangeError(`${value} is no normal binary16`)
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | bits
}

/** A file as the format has it. */
export function safetensors(tables: Tables, dtype: Dtype | ((name: string) => Dtype) = 'F32'): Buffer {
  let end = 0
  const blobs: Buffer[] = []
  const header: Record<string, object> = { __metadata__: { format: 'pt' } }
  for (const [name, table] of Object.entries(tables)) {
    const own = typeof dtype === 'string' ? dtype : dtype(name)
    const bytes = encoded(table, own)
    header[name] = { dtype: own, shape: table.shape, data_offsets: [end, end + bytes.length] }
    end += bytes.length
    blobs.push(bytes)
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, ...blobs])
}

/** A file read back: its numbers and what they are stored as. */
export function parsed(file: Buffer): {
  readonly tables: Tables
  readonly dtypes: readonly string[]
  readonly metadata: unknown
} {
  const length = Number(file.readBigUInt64LE())
  const { __metadata__: metadata, ...header } = JSON.parse(file.toString('utf8', 8, 8 + length))
  const entries = Object.entries(header as Record<string, { dtype: Dtype; shape: number[]; data_offsets: [number, number] }>)
  const tables = entries.map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [begin, end],
      },
    ]): [string, Table] => {
      const bytes = file.subarray(8 + length + begin, 8 + length + end)
      const values = Array.from({ length: bytes.length / WIDTHS[dtype] }, (_, i) => numberAt(bytes, i, dtype))
      return [name, { shape, values }]
    },
  )
  return { tables: Object.fromEntries(tables), dtypes: [...new Set(entries.map(([, { dtype }]) => dtype))], metadata }
}

function numberAt(bytes: Buffer, i: number, dtype: Dtype): number {
  if (dtype === 'F32') return bytes.readFloatLE(4 * i)
  const bits = bytes.readUInt16LE(2 * i)
  if (dtype === 'BF16') {
    const whole = Buffer.alloc(4)
    whole.writeUInt16LE(bits, 2)
    return whole.readFloatLE()
  }
  const exponent = (bits >> 10) & 31
  const size = exponent === 0 ? (bits & 1023) * 2 ** -24 : (1 + (bits & 1023) / 1024) * 2 ** (exponent - 15)
  return bits & 0x8000 ? -size : size
}

/** Columns for rows. */
export function turned({ shape: [rows = 1, columns = 1], values }: Table): Table {
  return {
    shape: [columns, rows],
    values: Array.from({ length: values.length }, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!),
  }
}

/** Rows of several, one below the other. */
export function stacked(...tables: readonly Table[]): Table {
  const rows = tables.reduce((sum, { shape }) => sum + shape[0]!, 0)
  return { shape: [rows, ...tables[0]!.shape.slice(1)], values: tables.flatMap(({ values }) => values) }
}

/** Floats of a model, by name. */
export async function weightsIn(model: Model): Promise<Tables> {
  const tables: Record<string, Table> = {}
  for (const { name, type, shape, data } of model.graph.initializers)
    if (type === 'float32' && shape.length > 0)
      tables[name] = { shape, values: Array.from(new Float32Array((await readAll(data)).buffer)) }
  return tables
}

export interface Workplace extends AsyncDisposable {
  readonly path: string
  /** Runs `pare …argv` there. */
  run(...argv: string[]): ReturnType<typeof pare>
  write(name: string, content: string | Buffer): Promise<void>
  /** Weights of a file of safetensors below it. */
  read(name: string): Promise<ReturnType<typeof parsed>>
  text(name: string): Promise<string>
  /** Weights of an ONNX model below it. */
  weights(name: string): Promise<Tables>
}

/** A folder with `model.onnx`, by default a decoder of two layers, and the folder `tiny` of its config and tokenizer. */
export async function workplace(model: Model = tinyModels['decoder, past_sequence_length + 1']!()): Promise<Workplace> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'pare-checkpoint-')))
  await writeTinyFolder(join(path, 'tiny'))
  await rm(join(path, 'tiny/onnx'), { recursive: true })
  await writeModel(model, join(path, 'model.onnx'))
  return {
    path,
    run: (...argv) => pare(argv, { cwd: path }),
    async write(name, content) {
      await mkdir(dirname(join(path, name)), { recursive: true })
      await writeFile(join(path, name), content)
    },
    read: async (name) => parsed(await readFile(join(path, name))),
    text: (name) => readFile(join(path, name), 'utf8'),
    async weights(name) {
      await using file = await openModel(join(path, name))
      return await weightsIn(file.model)
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}
