/** Text that is already markup. Everything else is escaped where it meets a template. */
export class Markup {
  constructor(readonly source: string) {}
}

type Value = string | number | Markup | readonly Markup[] | undefined | null | false

/** HTML whose values are escaped; undefined, null and false become nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return new Markup(String.raw({ raw: strings }, ...values.map((value) => source(value))))
}

/** JSON for a script element of type application/json: no value in it can end the element or begin a comment, nor make the source read otherwise than it is. */
export function scriptJson(value: unknown): Markup {
  return new Markup(JSON.stringify(value).replaceAll('<', '\\u003c').replace(UNSEEN, escapes))
}

/** A name in GitHub's markdown: monospaced, taken literally, on one line, at most `length` characters. */
export function mdCode(name: string, length = 200): string {
  return `<code>${entities(harmless(oneLine(clip(name, length))))}</code>`
}

/** Whether an address may become a link: https, a host, and a path without anything that has a meaning in HTML or markdown. */
export function isHarmlessAddress(address: string): boolean {
  return /^https:\/\/[\w.-]+(:\d+)?(\/[\w./-]*)?$/.test(address)
}

/** A message in GitHub's markdown: literal text on one line, at most 600 characters. */
export function mdText(message: string): string {
  return entities(harmless(oneLine(clip(message, 600))))
}

/**
 * What GitHub would make a mention, an issue or a link of, broken by a zero-width space: it looks for those after character references are
 * decoded, and for links within `<code>` too.
 */
function harmless(text: string): string {
  return text.replace(/@|#(?=\d)|:(?=\/\/)|www(?=\.)|\b[Gg][Hh](?=-\d)/g, '$&\u200b')
}

/** What would make a name read otherwise than it is: controls but line breaks, marks of direction, what takes no room. */
const UNSEEN = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

function escapes(character: string): string {
  return Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join(
    '',
  )
}

function source(value: Value): string {
  if (value instanceof Markup) return value.source
  if (Array.isArray(value)) return value.map((one: Markup) => one.source).join('')
  if (value === undefined || value === null || value === false) return ''
  return String(value)
    .replace(UNSEEN, '\ufffd')
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** Everything that markdown or HTML could take for syntax, as a character reference. */
function entities(text: string): string {
  return text.replace(/[&<>|`*_~[\]\\$]/g, (character) => `&#${character.charCodeAt(0)};`)
}

function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ').trim()
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).trimEnd()}…`
}
