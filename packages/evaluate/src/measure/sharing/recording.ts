import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { createGunzip, gzipSync } from 'node:zlib'
import type { RecordedSample } from '@pare/metric'
import { PareError, parseJson } from '@pare/onnx'
import { z } from 'zod'
import type { SamenessState } from '../../metrics/sameness.js'
import type { BatchAnswers } from '../answers.js'

/** What one model made of one batch. */
export interface RecordedOutcome {
  /** For each metric its samples. */
  readonly samples: readonly (readonly RecordedSample[])[]
  readonly answers: BatchAnswers
}

export interface RecordedBatch {
  readonly batch: number
  /** Number of the first sample. */
  readonly first: number
  readonly size: number
  readonly own: RecordedOutcome
  readonly reference?: RecordedOutcome | undefined
}

/** What all recordings of an evaluation have in common, but for the share. */
interface RecordingHeader {
  readonly schemaVersion: 1
  readonly share: { readonly index: number; readonly count: number }
  readonly metrics: readonly string[]
  readonly output: string
  readonly batch: number
  readonly hasReference: boolean
  readonly threads: number
  readonly executionProvider: string
  readonly onnxruntime: string
}

interface RecordingEnd {
  readonly end: true
  readonly batches: number
  /** Of all batches together, those of other shares too. */
  readonly samples: number
  /** Of classes, as they are known or were met. */
  readonly names: readonly string[]
  readonly own: SamenessState
  readonly reference?: SamenessState | undefined
  readonly durationMs: number
}

const HEADER = z.strictObject({
  schemaVersion: z.literal(1),
  share: z.strictObject({ index: z.number().int().min(1), count: z.number().int().min(1) }),
  metrics: z.array(z.string()),
  output: z.string(),
  batch: z.number().int().min(1),
  hasReference: z.boolean(),
  threads: z.number().int(),
  executionProvider: z.string(),
  onnxruntime: z.string(),
}) satisfies z.ZodType<RecordingHeader>

const NUMBERS = z.array(z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]))
const COUNT = z.number().int().min(0)
const SAMPLE = z.strictObject({
  of: z.array(z.union([z.number(), z.array(z.number()), z.enum(['none', 'unmeasured']), z.null()])).length(4),
  seen: z
    .array(
      z.union([
        z.null(),
        z.strictObject({
          places: COUNT,
          rows: COUNT.max(2 ** 26).optional(),
          reference: COUNT.max(2 ** 26).optional(),
          classes: COUNT.optional(),
          isSingle: z.boolean().optional(),
          label: NUMBERS.optional(),
          answers: NUMBERS.optional(),
          referenceAnswers: NUMBERS.optional(),
          at: z.union([COUNT.max(2 ** 26), NUMBERS]).optional(),
          shape: z.array(COUNT).optional(),
          tokens: NUMBERS.optional(),
          scored: NUMBERS.optional(),
          expected: z.array(z.string()).optional(),
        }),
      ]),
    )
    .length(2),
})
const ANSWER = z.union([
  z.null(),
  z.strictObject({ label: z.number(), predicted: z.number(), confidence: z.number().exactOptional() }),
])
const OUTCOME = z.strictObject({ samples: z.array(z.array(SAMPLE)), answers: z.array(z.tuple([ANSWER, ANSWER])) })
const BATCH = z.strictObject({
  batch: COUNT,
  first: COUNT,
  size: z.number().int().min(1),
  own: OUTCOME,
  reference: OUTCOME.optional(),
}) satisfies z.ZodType<RecordedBatch>
const SAMENESS = z.strictObject({ count: COUNT, differs: z.boolean(), first: NUMBERS.nullable() })
const END = z.strictObject({
  end: z.literal(true),
  batches: COUNT,
  samples: COUNT,
  names: z.array(z.string()),
  own: SAMENESS,
  reference: SAMENESS.optional(),
  durationMs: z.number(),
}) satisfies z.ZodType<RecordingEnd>

/** Writes a recording: one line of JSON for each batch, each a member of one gzip file. */
export interface RecordingWriter extends AsyncDisposable {
  write(line: RecordingHeader | RecordedBatch | RecordingEnd): Promise<void>
}

export async function createRecording(path: string, header: RecordingHeader): Promise<RecordingWriter> {
  const file = await open(path, 'wx')
  const writer: RecordingWriter = {
    write: async (line) => void (await file.appendFile(gzipSync(`${JSON.stringify(line)}\n`))),
    [Symbol.asyncDispose]: () => file.close(),
  }
  await writer.write(header)
  return writer
}

/** A recording that is read from the front. */
export interface OpenRecording {
  readonly path: string
  readonly header: RecordingHeader
  /** The next batch; what the end says where there is none. Throws PareError where the recording is no whole one. */
  next(): Promise<RecordedBatch | RecordingEnd>
}

/** A line of a recording is one batch: this is far more than one has. */
const MOST_CHARACTERS = 2 ** 28

export async function openRecording(path: string): Promise<OpenRecording> {
  const damaged = (cause?: unknown) =>
    new PareError(`evaluation: the recording ${path} is damaged or not whole.`, {
      hint: 'run its shard again.',
      ...(cause !== undefined && { cause }),
    })
  const lines = linesOf(path)
  const read = async <Line>(schema: z.ZodType<Line>): Promise<Line> => {
    try {
      const { value, done } = await lines.next()
      if (done === true) throw damaged()
      return schema.parse(parseJson(value))
    } catch (cause) {
      throw cause instanceof PareError ? cause : damaged(cause)
    }
  }
  const rest = async () => {
    try {
      return (await lines.next()).value
    } catch (cause) {
      throw damaged(cause)
    }
  }
  const header = await read(HEADER)
  return {
    path,
    header,
    async next() {
      const line = await read(z.union([BATCH, END]))
      // What is behind the last line tells whether the file was cut off.
      if ('end' in line && (await rest()) !== undefined) throw damaged()
      return line
    },
  }
}

/** Throws where the file, or its compression, ends too early. */
async function* linesOf(path: string): AsyncGenerator<string, undefined> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for await (const bytes of pipeline(createReadStream(path), createGunzip(), () => undefined)) {
    const lines = (rest + decoder.write(bytes as Buffer)).split('\n')
    rest = lines.pop()!
    if (rest.length > MOST_CHARACTERS) throw new RangeError('a line is too long')
    yield* lines
  }
  return undefined
}
