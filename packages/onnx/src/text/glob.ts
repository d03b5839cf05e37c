import { PareError } from '../error.js'

/** The special characters of a glob: a text without them matches only itself. */
export function isGlob(text: string): boolean {
  return /[*?[{\\]/.test(text)
}

/**
 * Tells which names a glob matches.
 * 1. `*` any characters but `/`, at least one where it stands between slashes alone. 2. `?` one character but `/`.
 * 3. `**` between slashes: any folders, or none; at the end `a/**` is `a` and all below. 4. `[abc]`, `[a-z]`, `[!a-z]` one of these, or none of them, never `/`.
 * 5. `{a,b}` either, `{0..11}` each number. 6. `\` takes the meaning from what follows. Everything else stands for itself.
 * Time is at most proportional to the length of the name × that of the glob, whatever they are. Throws PareError for a glob of more than 1,000
 * characters, 1,000 alternatives, or 20,000 characters in all of them.
 */
export function globMatcher(glob: string): (name: string) => boolean {
  if (glob.length > MOST_CHARACTERS) {
    throw new PareError(`the glob '${glob.slice(0, 40)}…' has ${glob.length} characters, more than ${MOST_CHARACTERS}.`, {
      hint: 'write several shorter ones.',
    })
  }
  const texts = expand(glob, glob).flatMap(withFolderItself)
  if (texts.reduce((sum, text) => sum + text.length, 0) > MOST_IN_ALL) throw tooMany(glob)
  const alternatives = texts.map(tokensOf)
  return (name) => {
    const characters = Array.from(name, (character) => character.codePointAt(0)!)
    return alternatives.some((tokens) => matches(tokens, characters))
  }
}

const MOST_CHARACTERS = 1000
const MOST_ALTERNATIVES = 1000
/** Characters of all alternatives together. */
const MOST_IN_ALL = 20_000

function tooMany(glob: string): PareError {
  return new PareError(
    `the glob '${glob.slice(0, 40)}' has too many alternatives in braces: more than ${MOST_ALTERNATIVES}, or ${MOST_IN_ALL} characters in all.`,
    {
      hint: 'write * instead of some of them.',
    },
  )
}

/** Without braces: one text for each alternative. What is escaped stays escaped. */
function expand(text: string, glob: string): readonly string[] {
  const braces = firstBraces(text)
  if (braces === undefined) return [text]
  const { begin, end, parts } = braces
  const rests = expand(text.slice(end + 1), glob)
  const inner = parts.flatMap((part) => expand(part, glob))
  if (inner.length * rests.length > MOST_ALTERNATIVES) throw tooMany(glob)
  return inner.flatMap((part) => rests.map((rest) => `${text.slice(0, begin)}${part}${rest}`))
}

/** The first braces that mean something, and what they hold. */
function firstBraces(
  text: string,
): { readonly begin: number; readonly end: number; readonly parts: readonly string[] } | undefined {
  const opened: { begin: number; commas: number[] }[] = []
  const groups: { begin: number; end: number; parts: readonly string[] }[] = []
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '\\') at++
    else if (character === '[') at = endOfSet(text, at) ?? at
    else if (character === '{') opened.push({ begin: at, commas: [] })
    else if (character === ',') opened.at(-1)?.commas.push(at)
    else if (character === '}' && opened.length > 0) {
      const { begin, commas } = opened.pop()!
      const parts = partsOf(text, { begin, end: at, commas })
      if (parts !== undefined) groups.push({ begin, end: at, parts })
    }
  }
  return groups.reduce<(typeof groups)[number] | undefined>(
    (first, each) => (first && first.begin < each.begin ? first : each),
    undefined,
  )
}

function partsOf(
  text: string,
  { begin, end, commas }: { readonly begin: number; readonly end: number; readonly commas: readonly number[] },
): readonly string[] | undefined {
  if (commas.length > 0) return [...commas, end].map((to, i) => text.slice(i === 0 ? begin + 1 : commas[i - 1]! + 1, to))
  const [, from, to] = /^(\d{1,6})\.\.(\d{1,6})$/.exec(text.slice(begin + 1, end)) ?? []
  if (from === undefined || to === undefined) return undefined
  const [first, last] = [Number(from), Number(to)]
  // One more than allowed is refused, and no list of a million is made before.
  const count = Math.min(Math.abs(last - first), MOST_ALTERNATIVES) + 1
  return Array.from({ length: count }, (_, i) => String(first + (last < first ? -i : i)))
}

/** 'a/**' matches 'a' too; a star before it demands the slash. */
function withFolderItself(text: string): readonly string[] {
  return /[^*\\/]\/\*\*$/.test(text) ? [text.slice(0, -3), text] : [text]
}

type Token =
  | { readonly kind: 'character'; readonly code: number }
  | { readonly kind: 'one' }
  | { readonly kind: 'set'; readonly negated: boolean; readonly ranges: readonly (readonly [from: number, to: number])[] }
  /** Any number of characters but slashes. */
  | { readonly kind: 'star' }
  /** Any number of characters. */
  | { readonly kind: 'any' }
  /** May be left out together with the token that follows. */
  | { readonly kind: 'maybe' }
  /** Characters up to a slash, and that. */
  | { readonly kind: 'folders' }

const SLASH = 47

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < text.length; ) {
    const isBegin = at === 0 || text[at - 1] === '/'
    if (isBegin && text.startsWith('**/', at)) {
      tokens.push({ kind: 'maybe' }, { kind: 'folders' })
      at += 3
    } else if (isBegin && text.slice(at) === '**') {
      tokens.push({ kind: 'any' })
      at += 2
    } else if (text[at] === '*') {
      let end = at
      while (text[end] === '*') end++
      if (isBegin && (end === text.length || text[end] === '/')) tokens.push({ kind: 'one' })
      tokens.push({ kind: 'star' })
      at = end
    } else at = pushOne(tokens, text, at)
  }
  return tokens
}

function pushOne(tokens: Token[], text: string, at: number): number {
  if (text[at] === '?') {
    tokens.push({ kind: 'one' })
    return at + 1
  }
  const end = text[at] === '[' ? endOfSet(text, at) : undefined
  if (end !== undefined) {
    tokens.push(setOf(text.slice(at + 1, end)))
    return end + 1
  }
  const from = text[at] === '\\' && at + 1 < text.length ? at + 1 : at
  const code = text.codePointAt(from)!
  tokens.push({ kind: 'character', code })
  return from + (code > 0xffff ? 2 : 1)
}

/** The bracket that closes a set; undefined where none does. */
function endOfSet(text: string, at: number): number | undefined {
  const first = at + (/[!^]/.test(text[at + 1] ?? '') ? 2 : 1)
  // The first one belongs to the set: '[]a]'.
  const end = text.indexOf(']', first + 1)
  return end < 0 ? undefined : end
}

function setOf(inner: string): Token {
  const negated = inner[0] === '!' || inner[0] === '^'
  const codes = Array.from(negated ? inner.slice(1) : inner, (character) => character.codePointAt(0)!)
  const ranges: (readonly [number, number])[] = []
  for (let at = 0; at < codes.length; at++) {
    const isRange = codes[at + 1] === DASH && at + 2 < codes.length
    ranges.push([codes[at]!, isRange ? codes[at + 2]! : codes[at]!])
    if (isRange) at += 2
  }
  return { kind: 'set', negated, ranges }
}

const DASH = 45

/** Follows all ways through the tokens at once: no way is gone back, so that no name takes longer than its length × theirs. */
function matches(tokens: readonly Token[], name: readonly number[]): boolean {
  let [now, next] = [new Uint8Array(tokens.length + 1), new Uint8Array(tokens.length + 1)]
  arrive(now, tokens, 0)
  for (const code of name) {
    next.fill(0)
    let isAlive = false
    for (let at = 0; at < tokens.length; at++) {
      if (now[at] === 0) continue
      const token = tokens[at]!
      const isMatch = takes(token, code)
      if (isMatch) arrive(next, tokens, stays(token) ? at : at + 1)
      if (token.kind === 'folders' && code === SLASH) arrive(next, tokens, at + 1)
      isAlive ||= isMatch
    }
    if (!isAlive) return false
    ;[now, next] = [next, now]
  }
  return now[tokens.length] === 1
}

/** Marks a place, and those behind tokens that may take nothing. */
function arrive(places: Uint8Array, tokens: readonly Token[], at: number): void {
  if (places[at] === 1) return
  places[at] = 1
  const kind = tokens[at]?.kind
  if (kind === 'star' || kind === 'any' || kind === 'maybe') arrive(places, tokens, at + 1)
  if (kind === 'maybe') arrive(places, tokens, at + 2)
}

function stays({ kind }: Token): boolean {
  return kind === 'star' || kind === 'any' || kind === 'folders'
}

function takes(token: Token, code: number): boolean {
  switch (token.kind) {
    case 'character':
      return token.code === code
    case 'one':
    case 'star':
      return code !== SLASH
    case 'set':
      return code !== SLASH && token.ranges.some(([from, to]) => from <= code && code <= to) !== token.negated
    case 'any':
    case 'folders':
      return true
    case 'maybe':
      return false
    default:
      return token satisfies never
  }
}
