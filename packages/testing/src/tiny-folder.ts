import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Model, writeModel, writeWhole } from '@pare/onnx'
import { tinyModels } from './tiny-models.js'

export interface TinyFolderOptions {
  /** Where the model lies in the folder. Default: 'onnx/model.onnx', as transformers.js has it */
  readonly model?: string
  /** Files besides, by name; one that is undefined is left out. */
  readonly files?: Readonly<Record<string, string | undefined>>
}

/**
 * Writes a folder as Hugging Face has it: the tiny decoder (two layers, width 8, four query heads on two key-value heads, 12 neurons, 16 tokens), its config.json
 * and generation_config.json, and a tokenizer of 16 words with a chat template.
 */
export async function writeTinyFolder(
  folder: string,
  { model = 'onnx/model.onnx', files = {} }: TinyFolderOptions = {},
): Promise<void> {
  const texts = Object.entries({ ...TEXTS, ...files })
  for (const [name, text] of texts) {
    if (text === undefined) continue
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeWhole(join(folder, name), text)
  }
  await mkdir(dirname(join(folder, model)), { recursive: true })
  await writeModel(decoder(), join(folder, model))
}

function decoder(): Model {
  return tinyModels['decoder, past_sequence_length + 1']!()
}

/** Its words, by id. A message begins with its role and ends with `end`. */
export const TINY_WORDS: readonly string[] = [
  ...[
    'pad',
    'unk',
    'begin',
    'end',
    'user',
    'assistant',
    'system',
    'one',
    'two',
    'three',
    'four',
    'five',
    'six',
    'seven',
    'eight',
    'nine',
  ],
]

const tokenizer = {
  version: '1.0',
  added_tokens: ['pad', 'begin', 'end'].map((content) => ({
    ...{ id: TINY_WORDS.indexOf(content), content, special: true },
    ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
  })),
  normalizer: null,
  pre_tokenizer: { type: 'WhitespaceSplit' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: 'begin', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { begin: { id: 'begin', ids: [2], tokens: ['begin'] } },
  },
  decoder: null,
  model: {
    type: 'WordPiece',
    vocab: Object.fromEntries(TINY_WORDS.map((word, id) => [word, id])),
    ...{ unk_token: 'unk', continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
  },
}

const TEXTS: Readonly<Record<string, string>> = {
  'config.json': `{
  "architectures": ["LlamaForCausalLM"],
  "model_type": "llama",
  "hidden_size": 8,
  "intermediate_size": 12,
  "num_attention_heads": 4,
  "num_hidden_layers": 2,
  "num_key_value_heads": 2,
  "layer_types": [
    "full_attention",
    "sliding_attention"
  ],
  "rms_norm_eps": 1e-06,
  "bos_token_id": 2,
  "eos_token_id": 3,
  "vocab_size": 16
}
`,
  'generation_config.json': '{"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}\n',
  'tokenizer.json': JSON.stringify(tokenizer),
  'tokenizer_config.json': JSON.stringify({
    ...{ tokenizer_class: 'PreTrainedTokenizerFast', bos_token: 'begin', eos_token: 'end', pad_token: 'pad', unk_token: 'unk' },
    chat_template:
      "{{ bos_token }} {% for message in messages %}{{ message['role'] }} {{ message['content'] }} {{ eos_token }} {% endfor %}{% if add_generation_prompt %}assistant {% endif %}",
  }),
}
