import { PareError } from '@pare/onnx'

/** What of a tokenizer.json of Hugging Face is looked at. All else is kept as it is. */
export interface TokenizerJson {
  readonly model: TokenModel
  readonly added_tokens?: readonly AddedToken[] | null
  readonly post_processor?: unknown
  readonly pre_tokenizer?: unknown
  readonly decoder?: unknown
}

export interface AddedToken {
  readonly id: number
  readonly content: string
}

export type TokenModel = PairsModel | PiecesModel | WordsModel

/** Byte-pair encoding: neighbours are merged in the order of `merges`. */
export interface PairsModel {
  readonly type: 'BPE'
  readonly vocab: Readonly<Record<string, number>>
  /** 'a b', or [a, b] */
  readonly merges: readonly (string | readonly [string, string])[]
  readonly unk_token?: string | null
  readonly continuing_subword_prefix?: string | null
  readonly end_of_word_suffix?: string | null
}

/** The likeliest pieces: an id is a place in `vocab`. */
export interface PiecesModel {
  readonly type: 'Unigram'
  readonly vocab: readonly (readonly [string, number])[]
  readonly unk_id?: number | null
}

/** The longest token first, or whole words. */
export interface WordsModel {
  readonly type: 'WordPiece' | 'WordLevel'
  readonly vocab: Readonly<Record<string, number>>
  readonly unk_token?: string | null
}

/** A tokenizer.json that was parsed, if its tokens can be told apart; else an error that says what it is. `where`: the file, for messages. */
export function tokenizerOf(json: unknown, where: string): TokenizerJson {
  const model = (json as { model?: { type?: unknown; vocab?: unknown; merges?: unknown } } | null)?.model
  if (model === null || typeof model !== 'object' || model.vocab === null || typeof model.vocab !== 'object')
    throw new PareError(`${where}: no tokenizer with a vocabulary.`, {
      hint: 'expected a tokenizer.json as Hugging Face tokenizers write it.',
    })
  // Older files leave the type out.
  const type = model.type ?? (Array.isArray(model.vocab) ? 'Unigram' : Array.isArray(model.merges) ? 'BPE' : 'WordPiece')
  if (type !== 'BPE' && type !== 'Unigram' && type !== 'WordPiece' && type !== 'WordLevel')
    throw new PareError(`${where}: a tokenizer of type '${String(type)}', whose vocabulary is not known.`, {
      hint: 'BPE, Unigram, WordPiece and WordLevel can be made smaller.',
    })
  if (type === 'BPE' && (model as PairsModel).continuing_subword_prefix)
    throw new PareError(
      `${where}: BPE that marks what continues a word ('${(model as PairsModel).continuing_subword_prefix}').`,
      {
        hint: 'such a vocabulary cannot be made smaller yet; please report the model.',
      },
    )
  return { ...(json as TokenizerJson), model: { ...(model as TokenModel), type } as TokenModel }
}

/** Id of each token, those that were added included. */
export function idsOf({ model, added_tokens }: TokenizerJson): Map<string, number> {
  const ids = new Map(
    model.type === 'Unigram' ? model.vocab.map(([piece], id) => [piece, id] as const) : Object.entries(model.vocab),
  )
  for (const { id, content } of added_tokens ?? []) ids.set(content, id)
  return ids
}
