import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { PareError, parseJson, present } from '@pare/onnx'
import { readWhole } from './file.js'
import { parseJsonLines } from './jsonl.js'
import { fromNumbers, type NdArray } from './ndarray.js'

/** How text becomes token ids. */
export interface TextOptions {
  /** Path of a Hugging Face tokenizer.json; a tokenizer_config.json beside it is read too. */
  readonly tokenizer: string
  /** Tokens in a window. Default: the model's sequence length where it is fixed, else 256. */
  readonly length?: number
  /** Tokens from the start of a window to that of the next. Smaller than `length`, each token is still predicted once, with more before it. Default: `length`. */
  readonly stride?: number
  /** Whether the tokenizer adds its special tokens ([CLS], <s>). Default: only where the text has labels. */
  readonly specialTokens?: boolean
  /** Field of a JSONL line that holds the text. Default: 'text'. */
  readonly field?: string
}

const DEFAULT_LENGTH = 256
const MAX_TOKENIZER_BYTES = 2 ** 28

interface Document {
  readonly text: string
  readonly label?: number
}

/**
 * Token windows of a text, as the arrays `input`: i64[samples, length], attention_mask and scored: bool[samples, length].
 * A plain text is one document; a JSONL line is one. No window reaches over the end of a document; the last is filled up on the right,
 * masked. Lines with a label are one sample each, cut at `length`.
 */
export async function readText(
  content: string,
  name: string,
  options: TextOptions & { readonly input: string; readonly fixedLength?: number; readonly label: string },
): Promise<Map<string, NdArray>> {
  const documents = /\.jsonl$/i.test(name) ? jsonDocuments(content, name, options) : [{ text: content }]
  const labelled = documents.length > 0 && documents.every((document) => document.label !== undefined)
  const tokenizer = await openTokenizer(options.tokenizer)
  const specialTokens = options.specialTokens ?? labelled
  const tokens = documents.map(({ text }) => tokenizer.encode(text, { add_special_tokens: specialTokens }).ids)
  const { length, stride } = windowSize(options)
  const windows = labelled
    ? tokens.map((ids) => ({ ids: ids.slice(0, length), from: 1 }))
    : tokens.flatMap((ids) => cutWindows(ids, length, stride))
  if (windows.length === 0) {
    throw new PareError(`${name}: no window of two tokens or more in ${documents.length} documents.`, { hint: 'give more text.' })
  }
  const longest = options.fixedLength ?? windows.reduce((most, { ids }) => Math.max(most, ids.length), 0)
  const arrays = toArrays(windows, longest, options.input)
  if (labelled)
    arrays.set(
      options.label,
      fromNumbers(
        documents.map((document) => document.label!),
        [documents.length],
      ),
    )
  return arrays
}

/** A stretch of token ids; those before `from` are only context. */
export interface Window {
  readonly ids: readonly number[]
  readonly from: number
}

/** Windows of at most `length` ids that start `stride` apart. No id is at or after `from` twice; what ends before two ids is left out. */
export function cutWindows(ids: readonly number[], length: number, stride: number): Window[] {
  const windows: Window[] = []
  for (let start = 0, done = 0; done < ids.length; start += stride) {
    const end = Math.min(start + length, ids.length)
    // Windows that do not overlap do not predict their first token: nothing comes before it.
    const from = Math.max(1, done - start)
    if (end - start > from) windows.push({ ids: ids.slice(start, end), from })
    done = end
  }
  return windows
}

function windowSize({
  length,
  stride,
  fixedLength,
}: {
  readonly length?: number
  readonly stride?: number
  readonly fixedLength?: number
}) {
  const window = length ?? fixedLength ?? DEFAULT_LENGTH
  const step = stride ?? window
  if (!(Number.isInteger(window) && window >= 2) || (fixedLength !== undefined && window > fixedLength)) {
    throw new PareError(`text: windows of ${window} tokens; expected 2 to ${fixedLength ?? 'the longest the model takes'}.`, {
      hint: 'leave the length out to take what the model has.',
    })
  }
  if (!(Number.isInteger(step) && step >= 1 && step <= window)) {
    throw new PareError(`text: a stride of ${step} with windows of ${window}; expected 1 to ${window}.`, {
      hint: 'leave the stride out: windows then follow each other.',
    })
  }
  return { length: window, stride: step }
}

function toArrays(windows: readonly Window[], length: number, input: string): Map<string, NdArray> {
  const shape = [windows.length, length]
  const ids = new BigInt64Array(windows.length * length)
  const mask = new Uint8Array(ids.length)
  const scored = new Uint8Array(ids.length)
  for (const [row, window] of windows.entries()) {
    const start = row * length
    ids.set(window.ids.map(BigInt), start)
    mask.fill(1, start, start + window.ids.length)
    scored.fill(1, start + window.from, start + window.ids.length)
  }
  return new Map<string, NdArray>([
    [input, { type: 'int64', shape, data: ids }],
    ['attention_mask', { type: 'bool', shape, data: mask }],
    ['scored', { type: 'bool', shape, data: scored }],
  ])
}

function jsonDocuments(
  written: string,
  name: string,
  { field = 'text', label }: { readonly field?: string; readonly label: string },
): Document[] {
  return [...parseJsonLines(written, name)].map(({ line, value }) => {
    const text = value[field]
    const own = value[label]
    if (typeof text !== 'string') {
      throw new PareError(`${name}:${line}: '${field}' is ${JSON.stringify(text) ?? 'missing'}, expected text.`, {
        hint: `found ${Object.keys(value).join(', ')}; name the field with the text.`,
      })
    }
    if (own !== undefined && typeof own !== 'number') {
      throw new PareError(`${name}:${line}: '${label}' is ${JSON.stringify(own)}, expected a class number.`, {
        hint: 'number the classes from 0.',
      })
    }
    return { text, ...present({ label: own }) }
  })
}

export async function openTokenizer(path: string): Promise<Tokenizer> {
  const readJson = async (file: string) => parseJson((await readWhole(file, MAX_TOKENIZER_BYTES)).toString('utf8')) as object
  const config = join(dirname(path), 'tokenizer_config.json')
  try {
    return new Tokenizer(await readJson(path), existsSync(config) ? await readJson(config) : {})
  } catch (cause) {
    if (cause instanceof PareError) throw cause
    throw new PareError(`${path}: not a tokenizer this reads (${(cause as Error).message}).`, {
      hint: 'expected a tokenizer.json as Hugging Face tokenizers write it, and a tokenizer_config.json beside it or none.',
      cause,
    })
  }
}
