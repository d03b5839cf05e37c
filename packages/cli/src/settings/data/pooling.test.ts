import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Folder, fixture } from '../../testing/folder.js'
import { readTasks } from '../tasks.js'
import { readPooling } from './pooling.js'

/** As sentence-transformers 2 to 4 write it. */
const FLAGS = {
  word_embedding_dimension: 384,
  pooling_mode_cls_token: false,
  pooling_mode_mean_tokens: false,
  pooling_mode_max_tokens: false,
  pooling_mode_mean_sqrt_len_tokens: false,
  pooling_mode_weightedmean_tokens: false,
  pooling_mode_lasttoken: false,
  include_prompt: true,
}
const MODULES = ['Transformer', 'Pooling', 'Normalize']

async function encoder(pooling: object | string, modules: readonly string[] = MODULES): Promise<Folder> {
  const folder = await fixture()
  const types = modules.map((name, idx) => ({ idx, name: `${idx}`, path: '', type: `sentence_transformers.models.${name}` }))
  await writeFile(join(folder.path, 'modules.json'), JSON.stringify(types))
  await mkdir(join(folder.path, '1_Pooling'))
  const text = typeof pooling === 'string' ? pooling : JSON.stringify(pooling)
  await writeFile(join(folder.path, '1_Pooling/config.json'), text)
  return folder
}

describe('1_Pooling/config.json', () => {
  it.each([
    [{ ...FLAGS, pooling_mode_mean_tokens: true }, 'mean'],
    [{ ...FLAGS, pooling_mode_cls_token: true }, 'cls'],
    [{ ...FLAGS, pooling_mode_max_tokens: true }, 'max'],
    [{ ...FLAGS, pooling_mode_lasttoken: true }, 'last'],
    // The mean over √n points where the mean does.
    [{ ...FLAGS, pooling_mode_mean_sqrt_len_tokens: true }, 'mean'],
    [{ embedding_dimension: 384, pooling_mode: 'lasttoken' }, 'last'],
  ])('%j is %s', async (config, pooling) => {
    await using folder = await encoder(config)
    expect(await readPooling(join(folder.path, 'model.onnx'))).toMatchObject({ pooling })
    // Exports lie in a folder of their own.
    expect(await readPooling(join(folder.path, 'onnx/model.onnx'))).toMatchObject({ pooling })
  })

  it.each<[object | string, string]>([
    [{ ...FLAGS, pooling_mode_weightedmean_tokens: true }, 'pools by weightedmean_tokens, which Pare does not compute'],
    [{ ...FLAGS, pooling_mode_cls_token: true, pooling_mode_max_tokens: true }, 'puts cls_token and max_tokens side by side'],
    [{ pooling_mode: 'cls+mean' }, 'puts cls and mean side by side'],
    [FLAGS, 'names no way to pool'],
    ['[', 'is not JSON that sentence-transformers writes'],
    ['1', 'is not JSON that sentence-transformers writes'],
  ])('%j is refused in words', async (config, message) => {
    await using folder = await encoder(config)
    await expect(readPooling(join(folder.path, 'model.onnx'))).rejects.toThrow(message)
  })

  it('does not count where a layer stands behind it', async () => {
    await using folder = await encoder({ pooling_mode: 'mean' }, ['Transformer', 'Pooling', 'Dense', 'Normalize'])
    await expect(readPooling(join(folder.path, 'model.onnx'))).rejects.toThrow(
      'modules.json has a module sentence_transformers.models.Dense behind the pooling',
    )
  })
})

describe('pairs=auto', () => {
  const settings = (metric: unknown) => ({
    models: [{ path: 'model.onnx' }],
    evaluate: { data: 'val.npz', metric },
    gate: [{ metric, maxDrop: { relative: 0.1 } }],
  })
  const tasks = async (folder: Folder, metric: unknown) => {
    await writeFile(join(folder.path, 'pare.config.json'), JSON.stringify(settings(metric)))
    return (await readTasks({ cwd: folder.path, overrides: {}, trusted: true })).tasks
  }

  it.each([
    'spearman:pairs=auto',
    { name: 'spearman', pairs: 'auto' },
  ])('%j is what the folder says, in the gate too', async (metric) => {
    await using folder = await encoder({ pooling_mode: 'cls' })
    expect(await tasks(folder, metric)).toMatchObject([
      { evaluation: { request: { metrics: ['spearman:pairs=cls'] } }, demands: [{ metric: 'spearman:pairs=cls' }] },
    ])
  })

  it('takes length and prompts from the folder, and what is said before them', async () => {
    await using folder = await encoder({ pooling_mode: 'cls' })
    const put = (name: string, content: object) => writeFile(join(folder.path, name), JSON.stringify(content))
    await put('sentence_bert_config.json', { max_seq_length: 64, do_lower_case: true })
    await put('config_sentence_transformers.json', {
      prompts: { query: 'query: ', passage: 'passage: ', plain: 'text: ' },
      default_prompt_name: 'plain',
    })
    const prompts = {
      ...{ query: 'query: ', question: 'query: ', passage: 'passage: ', answer: 'passage: ', positive: 'passage: ' },
      '': 'text: ',
    }
    const { text } = (await readPooling(join(folder.path, 'onnx/model.onnx')))!
    expect(text).toEqual({ length: 64, lowerCase: true, prompts })
    await put('tokenizer.json', {})
    await writeFile(join(folder.path, 'val.csv'), 'query,passage\n')
    const textOf = async (metric: string, more: object = {}) => {
      const evaluate = { data: 'val.csv', tokenizer: 'tokenizer.json', metric, ...more }
      await writeFile(join(folder.path, 'pare.config.json'), JSON.stringify({ ...settings(metric), evaluate }))
      const { tasks } = await readTasks({ cwd: folder.path, overrides: {}, trusted: true })
      return tasks[0]!.evaluation!.request.text
    }
    expect(await textOf('spearman:pairs=auto')).toMatchObject({ length: 64, lowerCase: true, prompts })
    expect(await textOf('spearman:pairs=auto', { length: 32 })).toMatchObject({ length: 32, prompts })
    expect(await textOf('spearman:pairs=cls')).not.toHaveProperty('prompts')
    await put('config_sentence_transformers.json', { prompts: {}, default_prompt_name: null })
    expect((await readPooling(join(folder.path, 'model.onnx')))!.text).toEqual({ length: 64, lowerCase: true })
  })

  it('leaves prompts out of no mean', async () => {
    await using folder = await encoder({ pooling_mode: 'mean', include_prompt: false })
    await writeFile(join(folder.path, 'config_sentence_transformers.json'), JSON.stringify({ prompts: { query: 'q: ' } }))
    await expect(readPooling(join(folder.path, 'model.onnx'))).rejects.toThrow('leaves prompts out of the mean')
  })

  it('contradicted by what is said is an error; one vector for a text is not', async () => {
    await using folder = await encoder({ pooling_mode: 'cls' })
    await expect(tasks(folder, 'spearman:pairs=mean')).rejects.toThrow(
      "metric 'spearman:pairs=mean' makes the vector of a text by mean, and 1_Pooling/config.json of the model by cls.",
    )
    expect(await tasks(folder, 'spearman:pairs=output')).toHaveLength(1)
  })

  it('is an error where no folder says anything', async () => {
    await using folder = await fixture()
    await expect(tasks(folder, 'spearman:pairs=auto')).rejects.toThrow('there is none in the folder of the model or above it')
  })
})
