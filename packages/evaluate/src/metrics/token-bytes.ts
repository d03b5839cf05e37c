import { readFile } from 'node:fs/promises'
import { parseJson } from '@pare/onnx'

interface TokenizerJson {
  readonly model?: { readonly vocab?: Readonly<Record<string, number>> | readonly (readonly [string, number])[] }
  readonly decoder?: unknown
  readonly pre_tokenizer?: unknown
  readonly added_tokens?: readonly { readonly id: number; readonly special?: boolean }[]
}

/** Bytes of text that each token of a tokenizer.json stands for. Special tokens stand for none. */
export async function tokenBytes(path: string): Promise<(token: number) => number> {
  const { model, decoder, pre_tokenizer, added_tokens = [] } = parseJson(await readFile(path, 'utf8')) as TokenizerJson
  const isByteLevel = JSON.stringify([decoder, pre_tokenizer]).includes('"ByteLevel"')
  const bytes = new Map<number, number>()
  const vocabulary = model?.vocab ?? {}
  const entries = Array.isArray(vocabulary)
    ? (vocabulary as readonly (readonly [string, number])[]).map(([text], id) => [text, id] as const)
    : Object.entries(vocabulary as Readonly<Record<string, number>>)
  for (const [text, id] of entries) bytes.set(id, lengthOf(text, isByteLevel))
  for (const { id, special } of added_tokens) if (special === true) bytes.set(id, 0)
  return (token) => bytes.get(token) ?? 0
}

/** A byte-level token has a character for each byte; SentencePiece writes a space as ▁ and a lone byte as <0x0A>; WordPiece marks what goes on by ##. */
function lengthOf(text: string, isByteLevel: boolean): number {
  if (isByteLevel) return [...text].length
  if (/^<0x[0-9A-F]{2}>$/.test(text)) return 1
  return Buffer.byteLength(text.replaceAll('▁', ' ').replace(/^##/, ''))
}
