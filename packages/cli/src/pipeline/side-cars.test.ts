import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CutStep, PlanStep } from '@pare/core'
import { head } from '@pare/structure-head'
import { hidden } from '@pare/structure-hidden'
import { layer } from '@pare/structure-layer'
import { neuron } from '@pare/structure-neuron'
import { describe, expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { sideCarWarnings } from './side-cars.js'

const structures = [head(), neuron(), hidden(), layer()]

/** A step that leaves of each group, [units, kept], the last ones. */
function cut(structure: string, groups: readonly (readonly [number, number])[]): CutStep {
  return {
    kind: 'cut',
    structure,
    criterion: 'magnitude',
    scope: 'group',
    target: { ratio: 0.5 },
    groups: groups.map(([units, kept], i) => ({
      id: `${structure}${i}`,
      units,
      removed: Array.from({ length: units - kept }, (_, unit) => unit),
    })),
  }
}

async function warnings(files: Readonly<Record<string, unknown>>, steps: readonly PlanStep[], model = 'model.onnx') {
  const texts = Object.entries(files).map(([name, json]) => [name, typeof json === 'string' ? json : JSON.stringify(json)])
  await using folder = await fixture(undefined, Object.fromEntries(texts))
  const found = await sideCarWarnings(join(folder.path, model), steps, { structures })
  for (const [name, text] of texts) expect(await readFile(join(folder.path, name!), 'utf8')).toBe(text)
  return found
}

const bert = { num_attention_heads: 4, intermediate_size: 512, hidden_size: 128, num_hidden_layers: 2, vocab_size: 4 }

describe('a config.json beside a model that was cut', () => {
  it('is told of by key, its value and what the model has now', async () => {
    const steps = [
      cut('head', [
        [4, 3],
        [4, 3],
      ]),
      cut('neuron', [
        [512, 384],
        [512, 384],
      ]),
    ]
    expect(await warnings({ 'config.json': bert }, steps)).toEqual([
      'config.json says num_attention_heads is 4, and the pruned model has 3: change it in the copy that goes with the pruned model.',
      'config.json says intermediate_size is 512, and the pruned model has 384: change it in the copy that goes with the pruned model.',
    ])
  })

  it('cannot say what differs between layers, even where one of them lost nothing', async () => {
    expect(
      await warnings({ 'config.json': bert }, [
        cut('head', [
          [4, 4],
          [4, 2],
        ]),
      ]),
    ).toEqual([
      'config.json says num_attention_heads is 4, and the pruned model has 2 to 4: it differs between layers, and one number cannot say it; --uniform makes them equal.',
    ])
  })

  it('has query heads that share what was cut', async () => {
    const llama = { num_attention_heads: 8, num_key_value_heads: 4 }
    expect(await warnings({ 'config.json': llama }, [cut('head', [[4, 3]])])).toEqual([
      expect.stringContaining('num_attention_heads is 8, and the pruned model has 6'),
      expect.stringContaining('num_key_value_heads is 4, and the pruned model has 3'),
    ])
  })

  it('counts queries of which several share a key-value head', async () => {
    const shared = { num_attention_heads: 12, num_key_value_heads: 2 }
    expect(await warnings({ 'config.json': shared }, [cut('head', [[6, 4]])])).toEqual([
      expect.stringContaining('num_attention_heads is 12, and the pruned model has 8'),
    ])
    expect(await warnings({ 'config.json': { n_head: 8, multi_query: true } }, [cut('head', [[8, 5]])])).toEqual([
      expect.stringContaining('n_head is 8, and the pruned model has 5'),
    ])
  })

  it('counts layers and the width too', async () => {
    expect(await warnings({ 'config.json': bert }, [cut('layer', [[2, 1]]), cut('hidden', [[128, 96]])])).toEqual([
      expect.stringContaining('hidden_size is 128, and the pruned model has 96'),
      expect.stringContaining('num_hidden_layers is 2, and the pruned model has 1'),
    ])
  })

  it('sees what several steps leave together', async () => {
    expect(await warnings({ 'config.json': bert }, [cut('head', [[4, 3]]), cut('head', [[3, 1]])])).toEqual([
      expect.stringContaining('num_attention_heads is 4, and the pruned model has 1'),
    ])
  })

  it('is left in peace where nothing it says has changed', async () => {
    expect(await warnings({ 'config.json': bert }, [cut('head', [[4, 4]])])).toEqual([])
    expect(await warnings({ 'config.json': bert }, [cut('head', [[12, 6]])])).toEqual([])
    expect(await warnings({ 'config.json': bert }, [cut('channel', [[4, 2]])])).toEqual([])
    expect(await warnings({}, [cut('head', [[4, 2]])])).toEqual([])
    expect(await warnings({ 'config.json': [4, { num_attention_heads: 4 }] }, [cut('head', [[4, 2]])])).toEqual([])
  })

  it('that is not JSON is told of', async () => {
    expect(await warnings({ 'config.json': '{' }, [cut('head', [[4, 2]])])).toEqual([
      expect.stringContaining('config.json beside the model is not JSON'),
    ])
  })

  it('is found above a folder named onnx', async () => {
    await using folder = await fixture(undefined, { 'config.json': JSON.stringify(bert), 'onnx/model.onnx': '' })
    expect(await sideCarWarnings(join(folder.path, 'onnx/model.onnx'), [cut('head', [[4, 2]])], { structures })).toEqual([
      expect.stringContaining('../config.json says num_attention_heads is 4, and the pruned model has 2'),
    ])
  })

  it('of a huge size is not read', async () => {
    await using folder = await fixture()
    await writeFile(join(folder.path, 'config.json'), ' '.repeat(1 << 20) + JSON.stringify(bert))
    expect(await sideCarWarnings(join(folder.path, 'model.onnx'), [cut('head', [[4, 2]])], { structures })).toEqual([])
  })
})

it('genai_config.json says it for the decoder', async () => {
  const genai = { model: { decoder: { num_attention_heads: 4, num_key_value_heads: 4, head_size: 64, num_hidden_layers: 6 } } }
  expect(await warnings({ 'genai_config.json': genai }, [cut('head', [[4, 2]])])).toEqual([
    'genai_config.json says model.decoder.num_attention_heads is 4, and the pruned model has 2: change it in the copy that goes with the pruned model.',
    'genai_config.json says model.decoder.num_key_value_heads is 4, and the pruned model has 2: change it in the copy that goes with the pruned model.',
  ])
})
