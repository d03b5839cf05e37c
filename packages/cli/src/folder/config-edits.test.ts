import { describe, expect, test } from 'vitest'
import type { SizeChange } from './changes.js'
import { editConfig, type Outcome } from './config-edits.js'

type Sizes = readonly (readonly [fact: SizeChange['fact'], before: number, after: number, side?: SizeChange['side']])[]

function outcome(sizes: Sizes, more: Partial<Outcome> = {}): Outcome {
  const changes = sizes.map(([fact, before, after, side], i) => ({ fact, before, after, side, place: `/layers.${i}` }))
  return { changes, layers: [], caches: [], ...more }
}

function edited(json: unknown, sizes: Sizes, more?: Partial<Outcome>) {
  const { text, edits, conflicts, warnings } = editConfig('config.json', JSON.stringify(json), outcome(sizes, more))!
  return { json: JSON.parse(text), edits: edits.map(({ key }) => key), conflicts, warnings }
}

const cache = [{ name: 'past_key_values.0.key', heads: 2, headDim: 64 }]

describe('names of the same size', () => {
  test.each([
    [
      'BERT',
      { num_attention_heads: 12, hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 2 },
      { num_attention_heads: 9, head_dim: 64, intermediate_size: 2304, num_hidden_layers: 1 },
    ],
    [
      'DistilBERT',
      { n_heads: 12, dim: 768, hidden_dim: 3072, n_layers: 2 },
      { n_heads: 9, head_dim: 64, hidden_dim: 2304, n_layers: 1 },
    ],
    ['GPT-2, n_inner left out', { n_head: 12, n_embd: 768, n_layer: 2 }, { n_head: 9, head_dim: 64, n_inner: 2304, n_layer: 1 }],
    [
      'GPT-2, n_inner null',
      { n_head: 12, n_embd: 768, n_inner: null, n_layer: 2 },
      { n_head: 9, head_dim: 64, n_inner: 2304, n_layer: 1 },
    ],
    [
      'T5, whose d_kv is the width of a head',
      { num_heads: 12, d_model: 768, d_kv: 64, d_ff: 3072, num_layers: 2 },
      { num_heads: 9, d_ff: 2304, num_layers: 1 },
    ],
  ])('%s', (_, before, after) => {
    // 12 heads of 64 in each of two layers: 768 = 12 × 64, and 9 × 64 = 576 is not.
    const sizes: Sizes = [
      ...([
        ['heads', 12, 9],
        ['heads', 12, 9],
        ['neurons', 3072, 2304],
        ['width', 768, 768],
      ] as const),
      ['layers', 2, 1],
    ]
    expect(edited(before, sizes).json).toEqual({ ...before, ...after })
  })

  test('are of the side of the model that they name', () => {
    const bart = {
      d_model: 64,
      encoder_attention_heads: 4,
      decoder_attention_heads: 4,
      encoder_layers: 2,
      decoder_layers: 2,
      num_hidden_layers: 2,
    }
    const sizes: Sizes = [
      ['heads', 4, 3, 'encoder'],
      ['layers', 2, 1, 'encoder'],
      ['heads', 4, 4, 'decoder'],
      ['layers', 2, 2, 'decoder'],
    ]
    const { json, conflicts } = edited(bart, sizes)
    expect(conflicts).toEqual([])
    expect(json).toMatchObject({
      encoder_attention_heads: 3,
      decoder_attention_heads: 4,
      encoder_layers: 1,
      decoder_layers: 2,
      num_hidden_layers: 1,
    })
    const nested = {
      text_config: { num_attention_heads: 8, hidden_size: 64, head_dim: 8 },
      vision_config: { num_attention_heads: 8, hidden_size: 64 },
    }
    expect(edited(nested, [['heads', 8, 6]]).edits).toEqual(['text_config.num_attention_heads'])
  })
})

test('the width of a head is written out once it no longer follows, and only then', () => {
  const llama = { model_type: 'llama', hidden_size: 256, num_attention_heads: 4, num_key_value_heads: 2 }
  const sizes: Sizes = [
    ['heads', 4, 2],
    ['keyValueHeads', 2, 1],
  ]
  expect(edited(llama, sizes, { caches: cache })).toEqual({
    json: { ...llama, num_attention_heads: 2, head_dim: 64, num_key_value_heads: 1 },
    edits: ['num_attention_heads', 'num_key_value_heads', 'head_dim'],
    conflicts: [],
    warnings: [],
  })
  expect(edited({ ...llama, head_dim: 64 }, sizes).edits).toEqual(['num_attention_heads', 'num_key_value_heads'])
  // Half the heads of half the width: 128 ÷ 2 = 64 still.
  expect(edited(llama, [...sizes, ['width', 256, 128]]).edits).toEqual([
    'hidden_size',
    'num_attention_heads',
    'num_key_value_heads',
  ])
  const [warning] = edited({ model_type: 'gpt2', n_embd: 256, n_head: 4 }, [['heads', 4, 2]], { caches: cache }).warnings
  expect(warning).toContain("run times may not read that of 'gpt2'")
})

test('what differs between layers is a conflict, also where one of them lost nothing', () => {
  const { conflicts, edits } = edited({ num_attention_heads: 4 }, [
    ['heads', 4, 4],
    ['heads', 4, 2],
  ])
  expect(edits).toEqual([])
  expect(conflicts).toEqual([
    {
      key: 'num_attention_heads',
      before: 4,
      places: new Map([
        [4, ['/layers.0']],
        [2, ['/layers.1']],
      ]),
    },
  ])
})

test('lists with an entry for each layer keep those of the layers that stay', () => {
  const layers = [{ side: undefined, before: 4, kept: [0, 2, 3] }]
  const json = { layer_types: ['a', 'b', 'c', 'd'], eos_token_id: [1, 2, 3, 4], num_hidden_layers: 4 }
  expect(edited(json, [['layers', 4, 3]], { layers }).json).toEqual({
    ...json,
    layer_types: ['a', 'c', 'd'],
    num_hidden_layers: 3,
  })
})

test('a number that the model never had, and one under a name that is not known, are told of', () => {
  expect(edited({ num_attention_heads: 12 }, [['heads', 4, 2]]).warnings).toEqual([
    'config.json says num_attention_heads is 12, and the model had 4 before it was cut: it is left as it is, and has to be checked.',
  ])
  expect(edited({ blocks: { mlp_units: 96, bos_token_id: 96 } }, [['neurons', 96, 48]]).warnings).toEqual([
    'config.json may hold sizes that the cut changed, under names that are not known: blocks.mlp_units (96). They are copied as they are: check them.',
  ])
  expect(edited({ blocks: { mlp_units: 96 } }, [['neurons', 96, 96]]).warnings).toEqual([])
})

test('what is no object in JSON is not edited', () => {
  expect(editConfig('config.json', '{', outcome([]))).toBeUndefined()
  expect(editConfig('config.json', '[1]', outcome([]))).toBeUndefined()
})
