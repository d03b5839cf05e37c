import { readFileSync } from 'node:fs'
import { Tokenizer } from '@huggingface/tokenizers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keptIds } from './closure.js'
import { idsNamedIn, newIds, renumbered, renumberedConfig } from './renumber.js'
import { idsOf, type PiecesModel, type TokenizerJson, tokenizerOf } from './tokenizer.js'

/** Tokenizes texts as before and with fewer tokens; both as tokens, and by ids. */
function bothWays(json: TokenizerJson, texts: readonly string[]) {
  const encode = (tokenizer: TokenizerJson) => {
    const own = new Tokenizer(JSON.parse(JSON.stringify(tokenizer)) as object, {})
    return texts.map((text) => own.encode(text))
  }
  const before = encode(json)
  const used = before.flatMap(({ ids }) => ids)
  const kept = keptIds(json, used)
  const ids = newIds(kept)
  const smaller = renumbered(json, ids)
  return { before, after: encode(smaller), kept, ids, smaller }
}

function expectSame({ before, after, ids }: ReturnType<typeof bothWays>): void {
  expect(after.map(({ tokens }) => tokens)).toEqual(before.map(({ tokens }) => tokens))
  expect(after.map((each) => each.ids)).toEqual(before.map((each) => each.ids.map((id: number) => ids.get(id))))
}

const file = (name: string) => readFileSync(new URL(`../../../test-models/${name}`, import.meta.url), 'utf8')

describe('byte-pair encoding', () => {
  const json = tokenizerOf(JSON.parse(file('lm-tokenizer.json')), 'lm-tokenizer.json')

  it('makes the same tokens of the texts with two thirds of the vocabulary, and reads any other text', () => {
    const text = file('data/lm-evaluate.txt')
    const both = bothWays(json, text.slice(0, 20_000).split('\n'))
    expectSame(both)
    expect(both.kept.size).toBeLessThan(1400)
    expect(idsOf(json).size).toBe(2048)
    expect(idsOf(both.smaller)).toEqual(
      new Map([...idsOf(json)].flatMap(([token, id]) => (both.ids.has(id) ? [[token, both.ids.get(id)!]] : []))),
    )
    const other = new Tokenizer(both.smaller as object, {})
    const unseen = 'Zwölf Boxkämpfer jagen Viktor quer über den Sylter Deich — 𝄞'
    expect(other.decode(other.encode(unseen).ids).trim()).toBe(unseen)
  })

  // Merges in any order, each of what is there, some of which end a word.
  const random = fc
    .record({
      suffix: fc.constantFrom('', '</w>'),
      picks: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 25 }),
      words: fc.array(fc.stringMatching(/^[abc]{1,9}$/), { minLength: 1, maxLength: 12 }),
      pairs: fc.boolean(),
    })
    .map(({ suffix, picks, words, pairs }) => {
      const tokens = ['a', 'b', 'c', ...(suffix === '' ? [] : ['a', 'b', 'c'].map((letter) => letter + suffix))]
      const merges: [string, string][] = []
      for (const [i, j] of picks) {
        const inner = tokens.filter((token) => suffix === '' || !token.endsWith(suffix))
        const pair: [string, string] = [inner[i % inner.length]!, tokens[j % tokens.length]!]
        if (tokens.includes(pair.join(''))) continue
        merges.push(pair)
        tokens.push(pair.join(''))
      }
      const model = {
        type: 'BPE' as const,
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        merges: pairs ? merges : merges.map((pair) => pair.join(' ')),
        ...(suffix !== '' && { end_of_word_suffix: suffix }),
      }
      const json = {
        version: '1.0',
        added_tokens: [],
        normalizer: null,
        pre_tokenizer: { type: 'WhitespaceSplit' },
        post_processor: null,
        decoder: null,
        model,
      }
      return { json: json as unknown as TokenizerJson, words }
    })

  it('makes the same tokens of any words, whatever is merged in whatever order', () => {
    fc.assert(
      fc.property(random, ({ json, words }) => expectSame(bothWays(json, [words.join(' ')]))),
      { numRuns: 300 },
    )
  })
})

it('WordPiece: the longest of what is left is the longest of all, and what a template puts around it stays', () => {
  const vocab = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'never', 'un', '##aff', '##able', '##affable', 'x', '##x', 'used', '##used']
  const json = tokenizerOf(
    {
      added_tokens: [],
      pre_tokenizer: { type: 'BertPreTokenizer' },
      normalizer: null,
      decoder: null,
      post_processor: {
        type: 'TemplateProcessing',
        single: [
          { SpecialToken: { id: '[CLS]', type_id: 0 } },
          { Sequence: { id: 'A', type_id: 0 } },
          { SpecialToken: { id: '[SEP]', type_id: 0 } },
        ],
        pair: [],
        special_tokens: {
          '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
          '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
        },
      },
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: Object.fromEntries(vocab.map((token, id) => [token, id])),
      },
    },
    'tokenizer.json',
  )
  const both = bothWays(json, ['unaffable used', 'unable'])
  expectSame(both)
  expect(both.before[0]!.tokens).toEqual(['[CLS]', 'un', '##affable', 'used', '[SEP]'])
  expect(Object.keys((both.smaller.model as { vocab: object }).vocab)).toEqual([
    '[UNK]',
    '[CLS]',
    '[SEP]',
    'un',
    '##able',
    '##affable',
    'x',
    '##x',
    'used',
  ])
  expect((both.smaller.post_processor as { special_tokens: object }).special_tokens).toMatchObject({
    '[CLS]': { ids: [1] },
    '[SEP]': { ids: [2] },
  })
})

it('Unigram: the likeliest pieces stay so, and the least likely one, which says what the unknown costs', () => {
  const vocab: [string, number][] = [
    ['<unk>', 0],
    ['▁the', -2],
    ['▁', -3],
    ['re', -4],
    ['▁there', -5],
    ['t', -6],
    ['here', -6.5],
    ['zebra', -7],
    ['e', -8],
    ['rare', -20],
  ]
  const json = tokenizerOf(
    {
      added_tokens: [{ id: 0, content: '<unk>', special: true }],
      normalizer: null,
      pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
      post_processor: null,
      decoder: null,
      model: { type: 'Unigram', unk_id: 0, vocab },
    },
    'tokenizer.json',
  )
  const both = bothWays(json, ['there the'])
  expectSame(both)
  const pieces = (both.smaller.model as PiecesModel).vocab.map(([piece]) => piece)
  expect(pieces).toEqual(['<unk>', '▁the', '▁', '▁there', 't', 'e', 'rare'])
})

describe('configs', () => {
  const ids = newIds([0, 5, 7, 9])
  const size = { before: 12, after: 4 }

  it('get new ids where they name tokens, and the new size', () => {
    const config = {
      vocab_size: 12,
      max_new_tokens: 5,
      eos_token_id: [9, 7],
      pad_token_id: 0,
      decoder_start_token_id: -1,
      text_config: { vocab_size: 12, hidden_size: 12, image_token_id: 7 },
      suppress_tokens: [5, 6, -1],
      bad_words_ids: [
        [5, 7],
        [5, 6],
      ],
      forced_decoder_ids: [
        [1, 7],
        [2, 8],
        [3, 9],
      ],
      added_tokens_decoder: { 5: { content: 'five' }, 6: { content: 'six' } },
    }
    expect(renumberedConfig(config, ids, size)).toEqual({
      vocab_size: 4,
      max_new_tokens: 5,
      eos_token_id: [3, 2],
      pad_token_id: 0,
      decoder_start_token_id: -1,
      text_config: { vocab_size: 4, hidden_size: 12, image_token_id: 2 },
      suppress_tokens: [1],
      bad_words_ids: [[1, 2]],
      forced_decoder_ids: [
        [1, 2],
        [3, 3],
      ],
      added_tokens_decoder: { 1: { content: 'five' } },
    })
    expect(idsNamedIn(config).sort()).toEqual([0, 7, 7, 9])
  })
})

it.each([
  [{}, 'no tokenizer with a vocabulary'],
  [{ model: { type: 'Other', vocab: {} } }, "a tokenizer of type 'Other'"],
  [{ model: { type: 'BPE', vocab: {}, merges: [], continuing_subword_prefix: '@@' } }, "marks what continues a word ('@@')"],
])('%j is refused', (json, message) => {
  expect(() => tokenizerOf(json, 'tokenizer.json')).toThrow(message)
})
