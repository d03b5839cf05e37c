/**
 * Texts of others in what people read: names of models, tensors and files, what is in them, messages about them. They may hold line breaks, which would
 * make lines of their own, controls, which a terminal obeys, and commands, which a CI log obeys. All that is printed comes through here.
 */

/** A text of others on one line. What cannot be seen is written out: a line break is \n, others are \u{1b}. */
export function visible(text: string): string {
  return text.replace(UNSEEN, escapeOf).replace(/##(?=[\w.-]*\[)/g, '#\\#')
}

/** No sentence of ours is longer: a name that is longer is cut short, and a log stays one that can be read. */
const MOST_CHARACTERS = 20_000

/** At most this much of a text of others, with a mark where more was. */
export function clipped(text: string, most: number = MOST_CHARACTERS): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}

/** A message of several lines: ours begin with two blanks, every other line break is one of its words. At most 20,000 characters. */
export function visibleMessage(text: string): string {
  return guarded(
    clipped(text)
      .split(/\n(?= {2})/)
      .map(visible)
      .join('\n'),
  )
}

/** A text that is put together from what `visibleData` gave, with line breaks and colours of ours. */
export function guarded(text: string): string {
  return text.replace(/^(\s*)::/gm, '$1\\::')
}

/** The same data with texts that can be printed in tables and sentences. What is no plain data, such as a typed array, stays as it is. */
export function visibleData<Data>(data: Data): Data {
  return visibleValue(data) as Data
}

function visibleValue(value: unknown): unknown {
  if (typeof value === 'string') return visible(clipped(value))
  if (Array.isArray(value)) return value.map(visibleValue)
  if (value instanceof Map) return new Map([...value].map(([key, inner]) => [visibleValue(key), visibleValue(inner)]))
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [visible(key), visibleValue(inner)]))
}

/** The same JSON, value for value, without a character in it that a terminal or a CI log obeys. */
export function visibleJson(json: string): string {
  return json.replace(UNSEEN_IN_JSON, (character) => escapes(character)).replace(/##(?=[\w.-]*\[)/g, '#\\u0023')
}

/** Controls, what changes direction or takes no room, separators of lines, halves of surrogates. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** JSON has written out what is below a blank; its own line breaks stay. */
const UNSEEN_IN_JSON = /(?![\n\r\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function escapeOf(character: string): string {
  return SHORT[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`
}

function escapes(character: string): string {
  return Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join(
    '',
  )
}
