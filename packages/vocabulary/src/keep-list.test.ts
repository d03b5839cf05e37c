import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { listedIds } from './keep-list.js'
import { idsOf, tokenizerOf } from './tokenizer.js'

const PIECES = ['<unk>', '▁', '▁Haus', 'хлеб', '▁mixед', '12', '日本', 'かな', '한국', '.', 'é']
const unigram = tokenizerOf({ model: { type: 'Unigram', unk_id: 0, vocab: PIECES.map((piece) => [piece, 0]) } }, 'unigram')
const named = (list: string) => [...listedIds(unigram, list, 'keep.txt')].sort((a, b) => a - b).map((id) => PIECES[id])

describe('a list of what stays', () => {
  it('names tokens as they are written, with or without their mark, and ids', () => {
    expect(named('Haus\nхлеб\nid:6\n\n# a remark\n')).toEqual(['▁Haus', 'хлеб', '日本'])
  })

  it('names languages by the script that they are written in: tokens without letters stay with all of them', () => {
    const plain = ['▁', '12', '.']
    expect(named('language:de')).toEqual(expect.arrayContaining([...plain, '▁Haus', 'é']))
    expect(named('language:de')).not.toContain('▁mixед')
    expect(named('language:ru').filter((token) => !plain.includes(token!))).toEqual(['хлеб'])
    expect(named('language:ja').filter((token) => !plain.includes(token!))).toEqual(['日本', 'かな'])
    expect(named('script:Hang').filter((token) => !plain.includes(token!))).toEqual(['한국'])
    expect(named('language:de\nlanguage:ru')).toContain('▁mixед')
  })

  it('is refused as a whole where entries are no tokens', () => {
    expect(() => named('Haus\nnone\nlanguage:zz\nscript:Nope\nid:99')).toThrow(
      'keep.txt: 4 entries that are no token of the tokenizer: line 2: "none"; line 3: "language:zz"; line 4: "script:Nope"; line 5: "id:99".',
    )
  })

  it('reads byte-level tokens as the text of their bytes', () => {
    const json = tokenizerOf(
      JSON.parse(readFileSync(new URL('../../../test-models/lm-tokenizer.json', import.meta.url), 'utf8')),
      'lm-tokenizer.json',
    )
    const vocab = { a: 0, 'Ð±': 1, Ð: 2, Ġa: 3 }
    const bytes = tokenizerOf({ model: { type: 'BPE', vocab, merges: [] }, decoder: { type: 'ByteLevel' } }, 'bytes')
    // 'Ð±' are the bytes of б, and 'Ð' is the first of them.
    expect([...listedIds(bytes, 'language:ru', 'keep')]).toEqual([1])
    expect([...listedIds(bytes, 'language:en', 'keep')]).toEqual([0, 3])
    expect(listedIds(json, 'language:en', 'keep').size).toBeGreaterThan(0.9 * idsOf(json).size)
  })
})
