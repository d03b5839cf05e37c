import { PareError } from '@pare/onnx'
import { BYTES } from './closure.js'
import { idsOf, type TokenizerJson } from './tokenizer.js'

/**
 * The ids that a list names, one entry a line: `id:42`, `language:de` (all tokens whose letters are of the script that the language is written in), `script:Cyrl`, or a
 * token as the tokenizer writes it. Empty lines, and those that begin with `# `, say nothing. Throws PareError for what is none of these, all of it at once.
 */
export function listedIds(tokenizer: TokenizerJson, list: string, where: string): Set<number> {
  const ids = idsOf(tokenizer)
  const all = new Set(ids.values())
  const kept = new Set<number>()
  const scripts = new Set<string>()
  const unknown: string[] = []
  for (const [i, line] of list
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    if (line.trim() === '' || line.startsWith('# ')) continue
    const [, kind, value = ''] = /^(id|language|script):(\S+)\s*$/.exec(line) ?? []
    const token = ids.get(line) ?? ids.get(`▁${line}`) ?? ids.get(`Ġ${line}`)
    const id = kind === 'id' && all.has(Number(value)) ? Number(value) : kind === undefined ? token : undefined
    const own = kind === 'language' ? scriptsOf(value) : kind === 'script' && isScript(value) ? [value] : undefined
    if (id !== undefined) kept.add(id)
    else if (own !== undefined) for (const script of own) scripts.add(script)
    else unknown.push(`line ${i + 1}: ${JSON.stringify(line)}`)
  }
  if (unknown.length > 0) {
    const shown = unknown.slice(0, 5).join('; ')
    throw new PareError(
      `${where}: ${unknown.length === 1 ? 'an entry that is' : `${unknown.length} entries that are`} no token of the tokenizer: ${shown}${unknown.length > 5 ? ' …' : ''}.`,
      {
        hint: 'write one entry a line: a token as tokenizer.json has it, id:42, language:de or script:Cyrl.',
      },
    )
  }
  const isBytes = /"ByteLevel"/.test(JSON.stringify([tokenizer.pre_tokenizer, tokenizer.decoder]))
  if (scripts.size > 0) for (const [token, id] of ids) if (isWritten(textOf(token, { isBytes }), scripts)) kept.add(id)
  return kept
}

/** Of ISO 15924, as Unicode names what a letter belongs to: of Japanese three. Undefined: the language is not known. */
function scriptsOf(language: string): readonly string[] | undefined {
  let script: string | undefined
  try {
    script = new Intl.Locale(language).maximize().script
  } catch {
    // No tag of a language.
    return undefined
  }
  if (script === undefined) return undefined
  return TOGETHER[script] ?? (isScript(script) ? [script] : undefined)
}

/** Scripts that stand for several. */
const TOGETHER: Readonly<Record<string, readonly string[]>> = {
  Jpan: ['Hira', 'Kana', 'Hani'],
  Kore: ['Hang', 'Hani'],
  Hans: ['Hani'],
  Hant: ['Hani'],
}

function isScript(name: string): boolean {
  if (!/^[A-Za-z_]+$/.test(name)) return false
  try {
    return new RegExp(`\\p{Script=${name}}`, 'u').source !== ''
  } catch {
    // Unicode knows no script of this name.
    return false
  }
}

/** Whether all letters of a text are of these scripts, or of none, such as digits. Parts of a character are of none that is known: those that others are made of stay. */
function isWritten(text: string, scripts: ReadonlySet<string>): boolean {
  const own = [...scripts].map((script) => `\\p{Script=${script}}`).join('')
  return !new RegExp(`[^${own}\\p{Script=Common}\\p{Script=Inherited}]|\\uFFFD`, 'u').test(text)
}

/** What a token stands for: without marks of words, and of byte-level BPE the text of its bytes. */
function textOf(token: string, { isBytes }: { readonly isBytes: boolean }): string {
  const bytes = isBytes ? [...token].map((character) => BYTES.get(character)) : [undefined]
  if (bytes.every((byte) => byte !== undefined)) return new TextDecoder().decode(Uint8Array.from(bytes))
  return token.replace(/^(##|▁)/, '').replace(/<\/w>$/, '')
}
