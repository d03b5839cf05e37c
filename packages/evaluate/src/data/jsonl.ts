import { PareError, parseJson } from '@pare/onnx'

/** The objects of a JSON Lines text with their line numbers, from 1. Empty lines are passed over. */
export function* parseJsonLines(
  text: string,
  name: string,
): Generator<{ line: number; value: Readonly<Record<string, unknown>> }> {
  let line = 0
  for (let begin = 0; begin < text.length; ) {
    const newline = text.indexOf('\n', begin)
    const end = newline < 0 ? text.length : newline
    const row = text.slice(begin, end).trim()
    begin = end + 1
    line++
    if (row !== '') yield { line, value: parseObject(row, `${name}:${line}`) }
  }
}

function parseObject(row: string, where: string): Record<string, unknown> {
  try {
    const value = parseJson(row)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (cause) {
    const { message } = cause as Error
    throw new PareError(cause instanceof PareError ? `${where}: ${message}` : `${where}: not JSON (${message}).`, {
      hint: 'expected one JSON object on each line.',
      cause,
    })
  }
  throw new PareError(`${where}: ${row.slice(0, 40)} is not an object.`, {
    hint: 'expected one JSON object on each line: {"input": [0.1, 0.2], "label": 3}',
  })
}
