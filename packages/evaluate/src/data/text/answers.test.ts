import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { array, input, put, temporaryFolder } from '../../fixture.test.files.js'
import { openData } from '../data.js'
import type { TextOptions } from './text-options.js'

const folder = temporaryFolder()
// Words split at blanks; ids 0 to 9. The tokenizer begins with [BOS] where it adds special tokens.
const vocab = { '[UNK]': 0, a: 1, b: 2, c: 3, d: 4, user: 5, bot: 6, end: 7, '[BOS]': 8, sys: 9 }
const json = JSON.stringify({
  version: '1.0',
  added_tokens: [{ id: 8, content: '[BOS]', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false }],
  normalizer: null,
  pre_tokenizer: { type: 'WhitespaceSplit' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '[BOS]', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { '[BOS]': { id: '[BOS]', ids: [8], tokens: ['[BOS]'] } },
  },
  decoder: null,
  model: { type: 'WordPiece', vocab, unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
})
/** 'user a end bot b end ': what a message is begins with who says it, and ends with 'end'. */
const chat =
  "{% for m in messages %}{{ {'user': 'user', 'assistant': 'bot', 'system': 'sys'}[m.role] }} {{ m.content }} end {% endfor %}{% if add_generation_prompt %}bot {% endif %}"

/** A tokenizer with files beside it. */
function tokenizerWith(name: string, files: Readonly<Record<string, string>> = {}): string {
  mkdirSync(join(folder, name), { recursive: true })
  for (const [file, text] of Object.entries(files)) put(folder, `${name}/${file}`, text)
  return put(folder, `${name}/tokenizer.json`, json)
}
const plain = tokenizerWith('plain')
const chatting = tokenizerWith('chatting', { 'tokenizer_config.json': JSON.stringify({ chat_template: chat }) })

const inputs = [input('input_ids', 'int64', ['b', 's']), input('attention_mask', 'int64', ['b', 's'])]

async function read(rows: readonly object[] | string, options: Partial<TextOptions> = {}, name = 'd.jsonl') {
  const text = typeof rows === 'string' ? rows : rows.map((row) => JSON.stringify(row)).join('\n')
  const data = await openData(put(folder, name, text), {
    inputs,
    trusted: true,
    text: { tokenizer: chatting, length: 16, ...options },
  })
  for await (const {
    inputs: { input_ids: ids },
    scored,
    columns,
    label,
  } of data.batches(100))
    return { ids, scored, columns, label }
  throw new Error('no batch')
}

const user = (content: string) => ({ role: 'user', content })
const bot = (content: string) => ({ role: 'assistant', content })

describe('of a conversation', () => {
  test('what the assistant says counts, with what ends it, in each of its messages', async () => {
    // user a end bot b c end user d end bot a end
    const { ids, scored, columns } = await read([{ messages: [user('a'), bot('b c'), user('d'), bot('a')] }])
    expect(ids).toEqual(array('int64', [1, 13], [5, 1, 7, 6, 2, 3, 7, 5, 4, 7, 6, 1, 7]))
    expect(scored).toEqual(array('bool', [1, 13], [0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1]))
    expect(columns!.conversation).toEqual([1])
  })

  test('the template may stand in a file of its own, which goes before that of tokenizer_config.json', async () => {
    const other = tokenizerWith('own', {
      'tokenizer_config.json': JSON.stringify({ chat_template: '{{ 1 / 0 }}' }),
      'chat_template.jinja': '{% for m in messages %}{{ m.content }} end {% endfor %}',
    })
    // No word before an answer: the assistant's own tokens are all of its message.
    const { ids, scored } = await read([{ messages: [user('a'), bot('b')] }], { tokenizer: other })
    expect(ids).toEqual(array('int64', [1, 4], [1, 7, 2, 7]))
    expect(scored).toEqual(array('bool', [1, 4], [0, 0, 1, 1]))
  })

  test('windows without a word of the assistant are left out', async () => {
    // user a a a | end bot b c | end: of windows of four tokens the first predicts nothing, the last is one token and predicts none.
    const { ids, scored } = await read([{ messages: [user('a a a'), bot('b c')] }], { length: 4 })
    expect(ids).toEqual(array('int64', [1, 4], [7, 6, 2, 3]))
    expect(scored).toEqual(array('bool', [1, 4], [0, 0, 1, 1]))
  })

  test('without an answer, or written otherwise as it goes on, is refused', async () => {
    await expect(read([{ messages: [user('a')] }])).rejects.toThrow(
      'd.jsonl:1: a conversation without a message of the assistant, so no token of it counts.',
    )
    const last = tokenizerWith('last', {
      'chat_template.jinja':
        '{% for m in messages %}{{ m.content }} {{ m.content }} {% if loop.last %}end {% endif %}{% endfor %}',
    })
    await expect(read([{ messages: [user('a'), bot('b'), user('c')] }], { tokenizer: last })).rejects.toThrow(
      'd.jsonl:1: the chat_template writes message 2 otherwise within this conversation than at its end',
    )
    await expect(read([{ messages: [user('a'), bot('b')] }, { text: 'a' }])).rejects.toThrow("d.jsonl:2: 'messages' is missing")
  })
})

describe('of a conversation whose template', () => {
  test('writes earlier messages otherwise, what is left of them counts, with what ends them', async () => {
    // As Qwen3 leaves out earlier thoughts: what stands before 'd' is gone once others follow.
    const forgetful = tokenizerWith('forgetful', {
      'chat_template.jinja':
        "{% for m in messages %}{{ 'bot ' if m.role == 'assistant' else 'user ' }}{% if loop.last or m.role == 'user' %}{{ m.content }}{% else %}{{ m.content.split(' d ')[-1] }}{% endif %} end {% endfor %}{% if add_generation_prompt %}bot {% endif %}",
    })
    const messages = [user('a'), bot('c c d b'), user('a'), bot('c d a')]
    const { ids, scored } = await read([{ messages }], { tokenizer: forgetful, length: 32 })
    // user a end bot b end user a end bot c d a end
    expect(ids).toEqual(array('int64', [1, 14], [5, 1, 7, 6, 2, 7, 5, 1, 7, 6, 3, 4, 1, 7]))
    expect(scored).toEqual(array('bool', [1, 14], [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1]))
  })

  test('marks what is generated, its marks count', async () => {
    const marks = `{% for m in messages %}
      {%- if m.role == 'assistant' -%}
        {{- ' bot sys ' }}{% generation %}
{{ m.content }} end {% endgeneration %}
      {%- else -%}
        {{- ' user ' }}{{ m.content }} end {% endif %}
    {%- endfor %}`
    const marking = tokenizerWith('marking', { 'chat_template.jinja': marks })
    const { ids, scored } = await read([{ messages: [user('a'), bot('b'), user('c'), bot('d')] }], {
      tokenizer: marking,
      length: 32,
    })
    // user a end bot sys b end user c end bot sys d end
    expect(ids).toEqual(array('int64', [1, 14], [5, 1, 7, 6, 9, 2, 7, 5, 3, 7, 6, 9, 4, 7]))
    expect(scored).toEqual(array('bool', [1, 14], [0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 1]))
  })

  test('names tools, those of the row are given to it', async () => {
    const tooled = tokenizerWith('tooled', {
      'chat_template.jinja': `{% for tool in tools %}sys {{ tool.function.name }} end {% endfor %}${chat}`,
    })
    const row = { messages: [user('a'), bot('b')], tools: [{ type: 'function', function: { name: 'd' } }] }
    // sys d end user a end bot b end
    const { ids, scored } = await read([row], { tokenizer: tooled })
    expect(ids).toEqual(array('int64', [1, 9], [9, 4, 7, 5, 1, 7, 6, 2, 7]))
    expect(scored).toEqual(array('bool', [1, 9], [0, 0, 0, 0, 0, 0, 0, 1, 1]))
  })
})

describe('of a prompt with a completion', () => {
  test('the completion counts; the tokenizer begins as it does where a model is used', async () => {
    const { ids, scored } = await read([
      { prompt: 'a b ', completion: 'c end' },
      { prompt: 'a ', completion: 'd' },
    ])
    expect(ids).toEqual(array('int64', [2, 5], [8, 1, 2, 3, 7, 8, 1, 4, 0, 0]))
    expect(scored).toEqual(array('bool', [2, 5], [0, 0, 0, 1, 1, 0, 0, 1, 0, 0]))
  })

  test('a token over the border is the completion’s', async () => {
    // 'u' and 'ser' are one word: the prompt alone is [BOS] a [UNK].
    const { ids, scored } = await read([{ prompt: 'a u', completion: 'ser b' }])
    expect(ids).toEqual(array('int64', [1, 4], [8, 1, 5, 2]))
    expect(scored).toEqual(array('bool', [1, 4], [0, 0, 1, 1]))
  })

  test('both may be messages: what the assistant said in the prompt is context', async () => {
    const { ids, scored } = await read([{ prompt: [user('a'), bot('b'), user('c')], completion: [bot('d')] }])
    // user a end bot b end user c end bot d end
    expect(ids).toEqual(array('int64', [1, 12], [5, 1, 7, 6, 2, 7, 5, 3, 7, 6, 4, 7]))
    expect(scored).toEqual(array('bool', [1, 12], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]))
  })

  test('columns of CSV are read like it; an empty completion is refused', async () => {
    const { scored } = await read('prompt,completion\n"a b ",c\n', {}, 'd.csv')
    expect(scored).toEqual(array('bool', [1, 4], [0, 0, 0, 1]))
    await expect(read([{ prompt: 'a', completion: '' }])).rejects.toThrow('d.jsonl:1: an empty answer, so no token of it counts.')
  })
})

describe('of an instruction', () => {
  test('the output counts, in the words of the chat template', async () => {
    // user a, a blank line, b, end bot c end
    const { ids, scored } = await read([{ instruction: 'a', input: 'b', output: 'c' }])
    expect(ids).toEqual(array('int64', [1, 7], [5, 1, 2, 7, 6, 3, 7]))
    expect(scored).toEqual(array('bool', [1, 7], [0, 0, 0, 0, 0, 1, 1]))
  })

  test('or in those of Alpaca where there is no template', async () => {
    // [BOS], then unknown words but for 'a' ("describes a task"), and the instruction 'b' and output 'c'.
    const { ids, scored } = await read([{ instruction: 'b', input: '', output: 'c d' }], { tokenizer: plain, length: 64 })
    const text =
      'Below is an instruction that describes a task. Write a response that appropriately completes the request. ### Instruction: b ### Response: c d'
    const known: Readonly<Record<string, number>> = vocab
    const expected = [8, ...text.split(' ').map((word) => known[word] ?? 0)]
    expect(ids).toEqual(array('int64', [1, expected.length], expected))
    const counts = expected.map((_, i) => Number(i >= expected.length - 2))
    expect(scored).toEqual(array('bool', [1, expected.length], counts))
  })
})

test('label2id of a config.json numbers labels that are names', async () => {
  const place = join(folder, 'model')
  mkdirSync(place, { recursive: true })
  put(folder, 'model/config.json', JSON.stringify({ label2id: { cat: 1, dog: 0 } }))
  const path = put(folder, 'named.jsonl', '{"text": "a", "label": "cat"}\n{"text": "b", "label": "dog"}')
  const data = await openData(path, { inputs, trusted: true, models: [join(place, 'model.onnx')], text: { tokenizer: plain } })
  for await (const { label } of data.batches(9)) expect(label).toEqual(array('int64', [2], [1, 0]))
})
