import { documentOf } from '@pare/evaluate/yaml'
import { PareError } from '@pare/onnx'
import type { Node } from 'yaml'
import type { SourcePlace } from '../../terminal/failure.js'

/** A config in JSON or YAML, as text. */
export interface ConfigText {
  /** As messages name it. */
  readonly file: string
  readonly text: string
}

/** Where a place such as 'models[0].gate.maxDrop' stands. Undefined: nowhere, or nobody knows. */
export type Locate = (place: string) => SourcePlace | undefined

/**
 * Finds the lines of a config: that of the key, of what is in a list that of the entry, and of what is missing that of what it is missing in. JSON is read as the YAML that it
 * is. Without a text, and for texts beyond what a config is, nothing has a line.
 */
export async function locatorOf(config: ConfigText | undefined): Promise<Locate> {
  if (config === undefined) return () => undefined
  const { isMap, isScalar, isSeq } = await import('yaml')
  const opened = await open(config.text)
  if (opened === undefined) return () => undefined
  const { document, lines } = opened
  return (place) => {
    let node: unknown = document.contents
    let start: number | undefined
    for (const key of keysOf(place)) {
      if (isSeq(node) && typeof key === 'number') {
        const item = node.items[key] as Node | undefined
        if (item === undefined) break
        start = item.range?.[0] ?? start
        node = item
      } else if (isMap(node)) {
        const pair = node.items.find((each) => isScalar(each.key) && String(each.key.value) === key)
        if (pair === undefined) break
        start = (pair.key as Node).range?.[0] ?? start
        node = pair.value
      } else break
    }
    if (start === undefined) return undefined
    const { line, col } = lines.linePos(start)
    return { file: config.file, line, column: col }
  }
}

/** What no config has is refused where it is read; its lines are of no use. */
function open(text: string): Promise<Awaited<ReturnType<typeof documentOf>> | undefined> {
  return documentOf(text).catch((error: unknown) => {
    if (error instanceof PareError) return undefined
    throw error
  })
}

/** 'models[0].gate' → 'models', 0, 'gate'. */
function keysOf(place: string): readonly (string | number)[] {
  return [...place.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) => name ?? Number(index))
}

/** Where the parser of a config stopped, as its message says it; else where a reader of YAML, which JSON is, finds something wrong. */
export async function placeOfError({ file, text }: ConfigText, error: unknown): Promise<SourcePlace | undefined> {
  const message = error instanceof Error ? error.message : String(error)
  const [, line, column] = /line (\d+),? column (\d+)/.exec(message) ?? []
  if (line !== undefined) return { file, line: Number(line), column: Number(column) }
  const [, position] = /position (\d+)/.exec(message) ?? []
  if (position === undefined) {
    const [start] = (await open(text))?.document.errors[0]?.linePos ?? []
    return start && { file, line: start.line, column: start.col }
  }
  const before = text.slice(0, Number(position)).split('\n')
  return { file, line: before.length, column: before.at(-1)!.length + 1 }
}
