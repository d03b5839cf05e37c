import type { Side } from './changes.js'
import type { Fact } from './sizes.js'

/** The names of each size in config.json, generation_config.json and genai_config.json, over all architectures. */
export const SIZE_NAMES: Readonly<Record<Fact, readonly string[]>> = {
  heads: [
    ...['num_attention_heads', 'num_heads', 'n_head', 'n_heads', 'num_query_heads'],
    ...['encoder_attention_heads', 'decoder_attention_heads', 'num_decoder_heads', 'num_encoder_heads'],
  ],
  keyValueHeads: [
    ...['num_key_value_heads', 'num_kv_heads', 'n_head_kv', 'multi_query_group_num'],
    ...['encoder_num_key_value_heads', 'decoder_num_key_value_heads'],
  ],
  headDim: ['head_dim', 'head_size', 'd_kv', 'attention_head_dim', 'attention_head_size', 'kv_channels'],
  layers: [
    ...['num_hidden_layers', 'num_layers', 'n_layer', 'n_layers', 'num_transformer_layers'],
    ...['encoder_layers', 'decoder_layers', 'num_decoder_layers', 'num_encoder_layers'],
  ],
  width: ['hidden_size', 'd_model', 'n_embd', 'dim', 'n_embed'],
  neurons: [
    ...['intermediate_size', 'ffn_dim', 'd_ff', 'n_inner', 'hidden_dim', 'ffn_hidden_size'],
    ...['encoder_ffn_dim', 'decoder_ffn_dim', 'moe_intermediate_size'],
  ],
  experts: ['num_experts', 'num_local_experts', 'n_routed_experts', 'moe_num_experts'],
  vocabulary: ['vocab_size', 'padded_vocab_size'],
}

/** Lists with an entry for each layer. */
export const LAYER_LISTS: readonly string[] = [
  ...['layer_types', 'layers_block_type', 'mlp_layer_types', 'attention_layers', 'no_rope_layers', 'layer_block_types'],
]

/** Where a neurons key is null, as GPT-2 writes n_inner: so many times the width. */
export const DEFAULT_EXPANSION = 4

/** Architectures whose run times read the width of a head where it is written out (transformers.js, onnxruntime-genai, transformers). */
export const READS_HEAD_DIM: ReadonlySet<string> = new Set([
  ...[
    'llama',
    'olmo',
    'olmo2',
    'olmo3',
    'mobilellm',
    'granite',
    'cohere',
    'cohere2',
    'mistral',
    'starcoder2',
    'qwen2',
    'qwen2_moe',
  ],
  ...['qwen3', 'qwen3_moe', 'phi', 'phi3', 'gemma', 'gemma2', 'gemma3_text', 'glm', 'helium', 'ernie4_5', 'exaone', 'smollm3'],
  ...['arcee', 'lfm2', 'falcon_h1', 'ministral', 'nanochat', 'apertus', 'seed_oss'],
])

/** Which side of a model a key is about, by its name, the objects that it stands in, and its neighbours. */
export function sideOf(path: readonly string[], siblings: readonly string[]): Side {
  for (const name of path) {
    if (/^(vision|image|visual)/.test(name)) return 'vision'
    if (/^(audio|speech)/.test(name)) return 'audio'
    if (/^(encoder$|encoder_|num_encoder_)/.test(name)) return 'encoder'
    if (/^(decoder$|decoder_|num_decoder_)/.test(name)) return 'decoder'
  }
  // Beside a number of their own for the decoder, T5's num_layers and BART's num_hidden_layers are the encoder's.
  const isLayers = SIZE_NAMES.layers.includes(path.at(-1)!)
  return isLayers && siblings.some((name) => name === 'num_decoder_layers' || name === 'decoder_layers') ? 'encoder' : undefined
}

/** Which side a file is of. */
export function sideOfFile(name: string): Side {
  return (['encoder', 'decoder', 'vision', 'audio'] as const).find((side) =>
    side === 'encoder' || side === 'decoder' ? name.startsWith(side) : name.includes(side),
  )
}

/** Whether what is said of the one holds for the other. */
export function isSameSide(one: Side, other: Side): boolean {
  const apart = [one, other].some((side) => side === 'vision' || side === 'audio')
  return one === other || (!apart && (one === undefined || other === undefined))
}
