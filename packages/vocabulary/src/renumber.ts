import { pairOf } from './closure.js'
import type { TokenizerJson, TokenModel } from './tokenizer.js'

/** New ids by old ones: those that stay, in their order. */
export type NewIds = ReadonlyMap<number, number>

export function newIds(kept: Iterable<number>): NewIds {
  return new Map([...kept].sort((a, b) => a - b).map((id, now) => [id, now]))
}

/** The tokenizer with the tokens that stay, under their new ids. All that has none is gone. */
export function renumbered(tokenizer: TokenizerJson, ids: NewIds): TokenizerJson {
  const { model, added_tokens, post_processor } = tokenizer
  return {
    ...tokenizer,
    model: renumberedModel(model, ids),
    ...(added_tokens && {
      added_tokens: added_tokens.flatMap((token) => (ids.has(token.id) ? [{ ...token, id: ids.get(token.id)! }] : [])),
    }),
    ...(post_processor !== undefined && { post_processor: renumberedProcessor(post_processor, ids) }),
  }
}

function renumberedModel(model: TokenModel, ids: NewIds): TokenModel {
  if (model.type === 'Unigram') {
    const vocab = model.vocab.filter((_, id) => ids.has(id))
    return { ...model, vocab, ...(typeof model.unk_id === 'number' && { unk_id: ids.get(model.unk_id)! }) }
  }
  const vocab = Object.fromEntries(
    Object.entries(model.vocab)
      .flatMap(([token, id]) => (ids.has(id) ? [[token, ids.get(id)!] as const] : []))
      .sort(([, a], [, b]) => a - b),
  )
  if (model.type !== 'BPE') return { ...model, vocab }
  const has = (token: string) => Object.hasOwn(vocab, token)
  const merges = model.merges.filter((merge) => {
    const [a, b] = pairOf(merge)
    return has(a) && has(b) && has(a + b)
  })
  return { ...model, vocab, merges }
}

/** Post-processors write ids as `"ids": [2]` (templates) and as ["[SEP]", 2] (BERT, RoBERTa). */
function renumberedProcessor(value: unknown, ids: NewIds): unknown {
  if (Array.isArray(value)) {
    const [token, id] = value
    if (value.length === 2 && typeof token === 'string' && Number.isSafeInteger(id)) return [token, ids.get(id) ?? id]
    return value.map((each) => renumberedProcessor(each, ids))
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) =>
      key === 'ids' && Array.isArray(each) ? [key, each.map((id) => ids.get(id) ?? id)] : [key, renumberedProcessor(each, ids)],
    ),
  )
}

/**
 * config.json, generation_config.json, tokenizer_config.json or genai_config.json with ids and the size of the vocabulary written anew: keys that end in token_id
 * or token_ids, lists of ids that generation suppresses or forces, and tokens by their ids. `size`: tokens before and after.
 */
export function renumberedConfig(json: unknown, ids: NewIds, size: { readonly before: number; readonly after: number }): unknown {
  return edited(json, '')

  function edited(value: unknown, key: string): unknown {
    if (key === 'added_tokens_decoder' && typeof value === 'object' && value !== null)
      return Object.fromEntries(
        Object.entries(value).flatMap(([id, token]) => (ids.has(Number(id)) ? [[String(ids.get(Number(id))), token]] : [])),
      )
    if (key === 'vocab_size' && value === size.before) return size.after
    if (ONE_OR_MORE.test(key)) return oneOrMore(value)
    if (LISTED.test(key) && Array.isArray(value)) return value.filter((each) => stays(key, each)).map((each) => moved(key, each))
    if (Array.isArray(value)) return value.map((each) => edited(each, ''))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, edited(each, name)]))
  }

  /** Ids that configs name by their meaning stay, so each has a new one, but for −1 and such. */
  function oneOrMore(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(oneOrMore)
    return Number.isSafeInteger(value) ? (ids.get(value as number) ?? value) : value
  }

  function stays(key: string, entry: unknown): boolean {
    return idsOfEntry(key, entry).every((id) => ids.has(id))
  }

  function moved(key: string, entry: unknown): unknown {
    if (!Array.isArray(entry)) return ids.get(entry as number)
    return key === 'forced_decoder_ids' ? [entry[0], ids.get(entry[1])] : entry.map((id) => ids.get(id))
  }
}

/** Ids that a config names by their meaning, such as eos_token_id: they must stay. */
export function idsNamedIn(json: unknown, key = ''): number[] {
  if (Number.isSafeInteger(json)) return ONE_OR_MORE.test(key) && (json as number) >= 0 ? [json as number] : []
  if (Array.isArray(json)) return json.flatMap((each) => idsNamedIn(each, key))
  if (typeof json !== 'object' || json === null) return []
  return Object.entries(json).flatMap(([name, value]) => idsNamedIn(value, name))
}

/** Of a list of ids an id; of forced_decoder_ids a pair [place, id]; of bad_words_ids a list of ids, which goes with any of them. */
function idsOfEntry(key: string, entry: unknown): number[] {
  if (!Array.isArray(entry)) return [entry as number]
  return key === 'forced_decoder_ids' ? [entry[1]] : entry
}

const ONE_OR_MORE = /(^|_)token_ids?$/
const LISTED = /^((begin_)?suppress_tokens|bad_words_ids|forced_decoder_ids)$/
