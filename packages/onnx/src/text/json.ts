import { PareError } from '../error.js'

/** Nothing that people or programs write for us is nested deeper. */
const MAX_DEPTH = 64

/** The value of a JSON text. Throws SyntaxError as JSON.parse does, and PareError where it is nested so deep that walking through it would fail. */
export function parseJson(text: string): unknown {
  if (isDeep(text)) throw tooDeep()
  return JSON.parse(text)
}

/** Looks at a value that another parser made, and throws PareError where it is nested too deep. */
export function refuseDeep(value: unknown): void {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw tooDeep()
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []))
  }
}

function tooDeep(): PareError {
  return new PareError(`nested more than ${MAX_DEPTH} deep.`, { hint: 'check the file: nothing that pare reads is.' })
}

/** Looks at brackets outside of strings only: what else is wrong, the parser finds. */
function isDeep(text: string): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      for (at++; at < text.length && text.charCodeAt(at) !== QUOTE; at++) if (text.charCodeAt(at) === BACKSLASH) at++
    } else if (code === SQUARE || code === CURLY) {
      if (++depth > MAX_DEPTH) return true
    } else if (code === SQUARE + 2 || code === CURLY + 2) depth--
  }
  return false
}

const QUOTE = 34
const BACKSLASH = 92
const SQUARE = 91
const CURLY = 123
