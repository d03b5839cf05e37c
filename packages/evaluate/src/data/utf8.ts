import { PareError } from '@pare/onnx'

/** The text in bytes of UTF-8. Throws PareError for other encodings. `name` is for messages. */
export function utf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw notUtf8(name, cause)
  }
}

export function notUtf8(name: string, cause?: unknown): PareError {
  return new PareError(`${name}: not text in UTF-8.`, {
    hint: `convert it first, for example: iconv -f latin1 -t utf-8 ${name}`,
    cause,
  })
}
