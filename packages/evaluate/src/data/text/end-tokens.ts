import { dirname } from 'node:path'
import { besideFile } from '../labels/classes.js'
import { BESIDE_TOKENIZER } from './beside-tokenizer.js'
import { openTokenizer } from './tokenizer.js'

/**
 * Tokens that end a text: those that generation_config.json names, else config.json, else genai_config.json, beside the tokenizer; and the one that the tokenizer's own config
 * names. Of the model's folder nothing is read: a pruned model lies elsewhere than its reference, and both must end their answers alike.
 */
export async function endTokens(tokenizer: string, { trusted }: { readonly trusted: boolean }): Promise<ReadonlySet<number>> {
  const folder = dirname(tokenizer)
  const ends = new Set<number>()
  for (const name of BESIDE_TOKENIZER.ends) {
    const file = await besideFile<EndConfig>([folder], name, { trusted, root: folder })
    const own = file?.content.eos_token_id ?? file?.content.model?.eos_token_id
    for (const id of [own].flat()) if (typeof id === 'number') ends.add(id)
    if (ends.size > 0) break
  }
  const own = (await openTokenizer(tokenizer, { trusted })).idOf('eos_token')
  if (own !== undefined) ends.add(own)
  return ends
}

interface EndConfig {
  readonly eos_token_id?: unknown
  readonly model?: { readonly eos_token_id?: unknown }
}
