import type { Metric } from '@pare/metric'
import { openTokenizer } from '../data/text/tokenizer.js'
import type { ReadingContext } from './outcome.js'
import { tokenBytes } from './token-bytes.js'

/** What metrics of text ask a tokenizer, where they do and one is named. */
export async function readersOf(
  tokenizer: string | undefined,
  { trusted }: { readonly trusted: boolean },
  metrics: readonly Metric[],
): Promise<Pick<ReadingContext, 'decode' | 'bytesOf'>> {
  const reads = (read: Metric['needs']['read']) => metrics.some(({ needs }) => needs.read === read)
  if (tokenizer === undefined || !(reads('text') || reads('tokens'))) return {}
  const bytesOf = await tokenBytes(tokenizer)
  if (!reads('text')) return { bytesOf }
  const { tokenizer: opened } = await openTokenizer(tokenizer, { trusted })
  // The tokenizer takes no list without a token.
  const decode = (ids: readonly number[]) => (ids.length === 0 ? '' : opened.decode([...ids], { skip_special_tokens: true }))
  return { bytesOf, decode }
}
