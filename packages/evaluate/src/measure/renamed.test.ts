import { appendFileSync, copyFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { describe, expect, it, test } from 'vitest'
import { put, temporaryFolder } from '../fixture.test.files.js'
import { loadRuntime } from '../process/runtime.js'
import { compareRenamed, type RenamedRequest } from './renamed.js'
import { sameFiles } from './same-files.js'

const folder = temporaryFolder()
const WORDS = ['pad', 'a', 'b', 'c', 'd', 'e']
/** b and e go. */
const KEPT = [0, 1, 3, 4]
const runtime = loadRuntime()

const tokenizer = (name: string, words: readonly string[]) =>
  put(
    folder,
    name,
    JSON.stringify({
      ...{ version: '1.0', added_tokens: [], normalizer: null, pre_tokenizer: { type: 'WhitespaceSplit' } },
      ...{ post_processor: null, decoder: null },
      model: {
        type: 'WordPiece',
        vocab: Object.fromEntries(words.map((word, id) => [word, id])),
        ...{ unk_token: 'pad', continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
      },
    }),
  )
const score = (from: number, to: number) => Math.sin(1 + from * 7 + to * 3)
async function model(name: string, ids: readonly number[], change = (values: Float32Array) => values, outputs = ids) {
  const values = change(Float32Array.from(ids.flatMap((from) => outputs.map((to) => score(from, to)))))
  const text = `<ir_version: 8, opset_import: ["" : 17]> m (int64[batch, seq] input_ids, float[batch, seq, 2] states) => (float[batch, seq, ${outputs.length}] logits, float[batch, seq, 2] same)
    <float[${ids.length}, ${outputs.length}] table> { logits = Gather(table, input_ids) same = Identity(states) }`
  return put(folder, name, await modelBytes(parseText(text, { table: values })))
}

const texts = put(folder, 'texts.jsonl', ['a c d', 'd d', 'c a a c d a'].map((text) => JSON.stringify({ text })).join('\n'))
const all = WORDS.map((_, id) => id)
async function compare(own: Partial<Record<'model' | 'words', unknown>> & { readonly data?: readonly string[] } = {}) {
  const reference = { model: await model('whole.onnx', all), text: { tokenizer: tokenizer('whole.json', WORDS), length: 4 } }
  const words = (own.words ?? KEPT.map((id) => WORDS[id]!)) as readonly string[]
  const other = {
    model: (own.model ?? (await model('less.onnx', KEPT))) as string,
    text: { tokenizer: tokenizer('less.json', words), length: 4 },
  }
  const request: RenamedRequest = { reference, other, data: own.data ?? [texts], kept: KEPT, units: WORDS.length, windows: 100 }
  return await compareRenamed(runtime, request)
}

describe('a model with fewer tokens', () => {
  it('reads the same tokens and gives the same numbers, bit for bit', async () => {
    const { windows, tokens, different, first, outputs } = await compare()
    expect({ windows, different, first }).toEqual({ windows: 4, different: 0, first: undefined })
    expect(tokens).toBeGreaterThanOrEqual(11)
    expect(outputs).toMatchObject({ windows: 4, different: 0, relative: 0 })
    // Of each token the scores of those that stay, and two numbers that no vocabulary has.
    expect(outputs.numbers).toBe(tokens * (KEPT.length + 2))
  })

  it('whose tokenizer reads another token is told, with the place, and not run there', async () => {
    const { different, first, outputs } = await compare({ words: ['pad', 'c', 'a', 'd'] })
    expect(different).toBeGreaterThan(0)
    expect(first).toEqual({ path: texts, window: 1 })
    expect(outputs.windows).toBeLessThan(4)
  })

  it('that gives another number is told how much', async () => {
    // The score of d after a: the second row, the last column.
    const own = await model('wrong.onnx', KEPT, (values) => values.map((value, i) => (i === 7 ? value + 0.5 : value)))
    const { different, outputs } = await compare({ model: own })
    expect(different).toBe(0)
    // a stands four times.
    expect(outputs.different).toBe(4)
    const largest = Math.max(...KEPT.flatMap((from) => KEPT.map((to) => Math.abs(score(from, to)))))
    expect(outputs.relative).toBeCloseTo(0.5 / largest, 5)
  })

  it('that gives NaN is infinitely far', async () => {
    const own = await model('nan.onnx', KEPT, (values) => values.fill(Number.NaN, 0, 16))
    expect((await compare({ model: own })).outputs.relative).toBe(Number.POSITIVE_INFINITY)
  })

  it('with an output of other tokens is refused', async () => {
    const own = await model('odd.onnx', KEPT, undefined, [0, 1, 3])
    await expect(compare({ model: own })).rejects.toThrow(/output 'logits' is \[\d, 4, 6\], and \[\d, 4, 3\] with fewer tokens\./)
  })
})

test('models are the same by their path, behind links, or by their bytes', async () => {
  const one = await model('one.onnx', all)
  const [copy, longer, link] = ['copy.onnx', 'longer.onnx', 'link.onnx'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  copyFileSync(one, copy)
  copyFileSync(one, longer)
  appendFileSync(longer, 'x')
  symlinkSync(one, link)
  const other = await model('other.onnx', all, (values) => values.map((value, i) => (i === 3 ? 9 : value)))
  expect(await Promise.all([link, copy, longer, other].map((path) => sameFiles(one, path)))).toEqual([true, true, false, false])
})
