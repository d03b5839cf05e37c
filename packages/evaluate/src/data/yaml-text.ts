import { PareError, refuseDeep } from '@pare/onnx'
import type { CST, Document, LineCounter } from 'yaml'

/**
 * What no config and no list of classes has. The library looks at all keys of a map for each of them, and walks through what is nested by calling itself, until the process ends without
 * an error to catch.
 */
const YAML_LIMITS = { depth: 64, keys: 2000, marks: 100 } as const

/** A YAML text as a document, whatever is wrong with it, and its lines. Throws PareError where it goes beyond `YAML_LIMITS`. */
export async function documentOf(text: string): Promise<{ readonly document: Document; readonly lines: LineCounter }> {
  const { LineCounter, parseDocument, Parser } = await import('yaml')
  for (const token of new Parser().parse(text)) checkToken(token)
  const lines = new LineCounter()
  return { document: parseDocument(text, { lineCounter: lines, logLevel: 'silent', uniqueKeys: false }), lines }
}

/** The value of a YAML text. Throws as the library does, and PareError where a text goes beyond `YAML_LIMITS`. Time is linear in the text. */
export async function parseYaml(text: string): Promise<unknown> {
  const { parse, Parser } = await import('yaml')
  // It notes tokens without calling itself.
  for (const token of new Parser().parse(text)) checkToken(token)
  // Warnings would go past our output, and quote the text.
  const value: unknown = parse(text, { logLevel: 'error' })
  refuseDeep(value)
  return value
}

function checkToken(top: CST.Token): void {
  let level: readonly CST.Token[] = [top]
  // A list in a map is two tokens deep.
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > 2 * YAML_LIMITS.depth) throw tooMuch(`is nested more than ${YAML_LIMITS.depth} deep`)
    level = level.flatMap(within)
  }
}

function within(token: CST.Token): readonly CST.Token[] {
  const items: readonly CST.CollectionItem[] = 'items' in token ? token.items : []
  const isMap = token.type === 'block-map' || (token.type === 'flow-collection' && token.start.source === '{')
  if (isMap && items.length > YAML_LIMITS.keys) throw tooMuch(`has a map of more than ${YAML_LIMITS.keys} keys`)
  const starts = [
    ...items.flatMap(({ start, sep }) => [start, sep ?? []]),
    ...('start' in token && Array.isArray(token.start) ? [token.start] : []),
  ]
  for (const start of starts)
    if (start.filter(({ type }) => type === 'anchor' || type === 'tag').length > YAML_LIMITS.marks)
      throw tooMuch(`has a value with more than ${YAML_LIMITS.marks} anchors and tags`)
  const own = 'value' in token && token.value !== undefined ? [token.value] : []
  return [...own, ...items.flatMap(({ key, value }) => [key, value])].filter(
    (each): each is CST.Token => typeof each === 'object' && each !== null,
  )
}

function tooMuch(what: string): PareError {
  return new PareError(`the YAML ${what}.`, { hint: 'check the file: nothing that is read here is.' })
}
