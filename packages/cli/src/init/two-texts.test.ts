import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { modelBytes, parseText } from '@pare/onnx'
import { describe, expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { planProject } from './plan-config.js'
import { searchProject } from './search.js'

const TOKENS = 'encoder (int64[N, T] input_ids, int64[N, T] attention_mask) => (float[N, T, 2] last_hidden_state'
const BODY = '<float[9, 2] e> { last_hidden_state = Gather(e, input_ids)'
const encoder = `${TOKENS}) ${BODY} }`
const pooled = `${TOKENS}, float[N, 2] sentence_embedding) ${BODY} sentence_embedding = ReduceMean<axes: ints = [1], keepdims: int = 0>(last_hidden_state) }`

interface Project {
  readonly model: string
  readonly rows: readonly object[]
  /** What 1_Pooling/config.json holds. */
  readonly pooling?: object
}

/** What is proposed for a model and a table, without a terminal. */
async function proposed({ model, rows, pooling }: Project) {
  await using folder = await fixture(undefined, { 'tokenizer.json': '{}' })
  const cwd = folder.path
  const bytes = await modelBytes(
    parseText(
      `<ir_version: 8, opset_import: ["" : 13]> ${model.replace('<float[9, 2] e>', `<float[9, 2] e = {${new Array(18).fill(1)}}>`)}`,
    ),
  )
  await writeFile(join(cwd, 'model.onnx'), bytes)
  await writeFile(join(cwd, 'pairs.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'))
  if (pooling !== undefined) {
    await mkdir(join(cwd, '1_Pooling'))
    await writeFile(join(cwd, '1_Pooling/config.json'), JSON.stringify(pooling))
  }
  const { models, unread } = await planProject(cwd, await searchProject(cwd))
  const proposal = await models[0]!.proposalFor('pairs.jsonl')
  return { ...proposal, unread }
}

const sts = Array.from({ length: 8 }, (_, i) => ({ sentence1: `a b ${i}`, sentence2: 'c d', score: i / 2 }))

describe('of two texts, init proposes', () => {
  it('the correlation with a score, and says which pooling is not known', async () => {
    const { evaluate, doubts } = await proposed({ model: encoder, rows: sts })
    expect(evaluate).toEqual({ data: 'pairs.jsonl', metric: 'spearman:pairs=mean', tokenizer: 'tokenizer.json' })
    expect(doubts.join()).toContain('write pairs=cls, max or last')
  })

  it('the pooling of the folder', async () => {
    const { evaluate, doubts } = await proposed({ model: encoder, rows: sts, pooling: { pooling_mode_cls_token: true } })
    expect([evaluate.metric, doubts]).toEqual(['spearman:pairs=cls', []])
    const other = await proposed({ model: encoder, rows: sts, pooling: { pooling_mode_weightedmean_tokens: true } })
    expect(other.unread.join()).toContain('pools by weightedmean_tokens')
  })

  it("the model's own vector, where it gives one", async () => {
    const { evaluate } = await proposed({ model: pooled, rows: sts, pooling: { pooling_mode_cls_token: true } })
    expect(evaluate).toMatchObject({ metric: 'spearman:pairs=output', output: 'sentence_embedding' })
  })

  it.each([
    ['how often the answer is found', { query: 'a b', passage: 'c d' }, 'recall-at-1:pairs=mean'],
    ['the same of what only embedding models are given', { anchor: 'a', positive: 'c' }, 'recall-at-1:pairs=mean'],
    ['the order of pairs that are the same or not', { sentence1: 'a b', sentence2: 'c', label: 1 }, 'spearman:pairs=mean'],
    ['how vectors stay, where kinds of pairs are told', { premise: 'a', hypothesis: 'c', label: 2 }, 'cosine:against=reference'],
  ])('%s', async (_, row, metric) => {
    const { evaluate } = await proposed({ model: encoder, rows: [row, { ...row, ...('label' in row && { label: 0 }) }, row] })
    expect(evaluate).toEqual({ data: 'pairs.jsonl', metric, tokenizer: 'tokenizer.json' })
  })

  it('accuracy for a classifier, which takes both at once', async () => {
    const classifier =
      'c (int64[N, T] input_ids) => (float[N, 2] logits) <float[9, 2] e> { rows = Gather(e, input_ids) logits = ReduceMean<axes: ints = [1], keepdims: int = 0>(rows) }'
    const rows = Array.from({ length: 8 }, (_, i) => ({ sentence1: 'a b', sentence2: 'c', label: i % 2 }))
    expect((await proposed({ model: classifier, rows })).evaluate).toMatchObject({ metric: 'accuracy' })
  })
})
