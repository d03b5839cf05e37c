import { idsOf, type PairsModel, type TokenizerJson } from './tokenizer.js'

/**
 * The ids that must stay for texts to become the same tokens as before: those that they use; tokens that were added, among them all special ones; single
 * characters of ASCII and single bytes, so that other texts can be read; and what other tokens are made of. `used`: by the texts.
 */
export function keptIds(tokenizer: TokenizerJson, used: Iterable<number>): Set<number> {
  const { model, added_tokens, post_processor } = tokenizer
  const ids = idsOf(tokenizer)
  const kept = new Set(used)
  for (const { id } of added_tokens ?? []) kept.add(id)
  for (const token of namedIn(post_processor)) add(kept, ids.get(token))
  for (const [token, id] of ids) if (isSingle(token)) kept.add(id)
  if (model.type === 'Unigram') {
    if (typeof model.unk_id === 'number') kept.add(model.unk_id)
    // What is unknown costs as much as the least likely piece, and a little more.
    add(kept, leastLikely(model.vocab))
  } else add(kept, ids.get(model.unk_token ?? ''))
  if (model.type === 'BPE') for (const id of partsOf(model, kept)) kept.add(id)
  return kept
}

function add(ids: Set<number>, id: number | undefined): void {
  if (id !== undefined) ids.add(id)
}

/** A byte, as byte-level BPE writes it or as <0x0A>, or a character of ASCII at the beginning or within a word. */
function isSingle(token: string): boolean {
  if (/^<0x[0-9A-F]{2}>$/.test(token)) return true
  const bare = token.replace(/^(##|▁)/, '').replace(/<\/w>$/, '')
  return [...bare].length <= 1 && (bare === '' || BYTES.has(bare))
}

/** The characters that stand for bytes in byte-level BPE (GPT-2), with the bytes: those that show stand for themselves, the others are 256 and up. Printable ASCII is among them. */
export const BYTES: ReadonlyMap<string, number> = new Map([...bytesAsCharacters()].map((character, byte) => [character, byte]))

function* bytesAsCharacters(): Generator<string> {
  let hidden = 0
  for (let byte = 0; byte < 256; byte++) {
    const shows = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
    yield String.fromCharCode(shows ? byte : 256 + hidden++)
  }
}

function leastLikely(vocab: readonly (readonly [string, number])[]): number | undefined {
  let least: number | undefined
  for (const [id, [, score]] of vocab.entries()) if (least === undefined || score < vocab[least]![1]) least = id
  return least
}

/** Texts of tokens that a post-processor puts around others, at any depth. */
function namedIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return [...(Array.isArray(value) ? [] : Object.keys(value)), ...Object.values(value).flatMap(namedIn)]
}

/** What tokens are merged from: their own merges in the order of all, each result on the way. In a longer word the same happens within them. */
function partsOf(model: PairsModel, kept: ReadonlySet<number>): Set<number> {
  const ranks = new Map(model.merges.map((merge, rank) => [pairOf(merge).join('\u0000'), rank]))
  const ids = new Map(Object.entries(model.vocab))
  const parts = new Set<number>()
  const suffix = model.end_of_word_suffix ?? ''
  for (const [token, id] of ids) if (kept.has(id)) for (const part of derivation(token, ranks, suffix)) add(parts, ids.get(part))
  return parts
}

/** 'a b' or [a, b] */
export function pairOf(merge: string | readonly [string, string]): readonly [string, string] {
  if (typeof merge !== 'string') return merge
  const at = merge.indexOf(' ', 1)
  return [merge.slice(0, at), merge.slice(at + 1)]
}

/** Everything that stands for a while when a token is made of its characters. */
function derivation(token: string, ranks: ReadonlyMap<string, number>, suffix: string): string[] {
  const ends = suffix !== '' && token.endsWith(suffix) && token !== suffix
  const parts = [...(ends ? token.slice(0, -suffix.length) : token)]
  if (ends) parts[parts.length - 1] += suffix
  const all = [...parts]
  for (;;) {
    let best = -1
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i + 1 < parts.length; i++) {
      const rank = ranks.get(`${parts[i]}\u0000${parts[i + 1]}`) ?? Number.POSITIVE_INFINITY
      if (rank < least) [best, least] = [i, rank]
    }
    if (best < 0) return all
    parts.splice(best, 2, parts[best]! + parts[best + 1]!)
    all.push(parts[best]!)
  }
}
