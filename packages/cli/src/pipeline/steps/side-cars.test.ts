import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeTinyFolder } from '@pare/testing'
import { describe, expect, it } from 'vitest'
import type { SizeChange } from '../../folder/changes.js'
import { pareInProcess as pare } from '../../testing/terminal.js'
import { disagreements } from './side-cars.js'

function outcome(sizes: readonly (readonly [fact: SizeChange['fact'], before: number, after: number])[]) {
  const changes = sizes.map(([fact, before, after], i) => ({ fact, before, after, side: undefined, place: String(i) }))
  return { changes, layers: [], caches: [] }
}

const say = (json: unknown, ...sizes: Parameters<typeof outcome>[0]) =>
  disagreements('config.json', typeof json === 'string' ? json : JSON.stringify(json), outcome(sizes))

describe('a config.json beside a model that was cut', () => {
  it('is told of by key, its value and what the model has now', () => {
    expect(say({ num_attention_heads: 4, intermediate_size: 512 }, ['heads', 4, 3], ['neurons', 512, 384])).toEqual([
      'config.json says num_attention_heads is 4, and the pruned model has 3: change it in the copy that goes with the pruned model.',
      'config.json says intermediate_size is 512, and the pruned model has 384: change it in the copy that goes with the pruned model.',
    ])
    expect(say({ num_attention_heads: 4, hidden_size: 8 }, ['heads', 4, 3])[1]).toBe(
      'config.json does not say head_dim, which is 2 in the pruned model: add it to the copy that goes with the pruned model.',
    )
  })

  it('cannot say what differs between layers, even where one of them lost nothing', () => {
    expect(say({ num_attention_heads: 4 }, ['heads', 4, 4], ['heads', 4, 2])).toEqual([
      'config.json says num_attention_heads is 4, and the pruned model has 2 to 4: it differs between layers, and one number cannot say it; --uniform makes them equal.',
    ])
  })

  it('is left in peace where nothing it says has changed', () => {
    expect(say({ num_attention_heads: 4 }, ['heads', 4, 4])).toEqual([])
    expect(say({ num_attention_heads: 4 }, ['heads', 12, 6])).toEqual([])
    expect(say({ num_attention_heads: 4 }, ['neurons', 4, 2])).toEqual([])
    expect(say({ list: [4, { num_attention_heads: 4 }] }, ['heads', 4, 2])).toEqual([])
  })

  it('that is not JSON is told of', () => {
    expect(say('{', ['heads', 4, 2])).toEqual([expect.stringContaining('config.json beside the model is not JSON')])
  })

  it('is found above a folder named onnx and never written; one of a huge size is not read', async () => {
    const path = await mkdtemp(join(tmpdir(), 'pare-side-car-'))
    try {
      await writeTinyFolder(path)
      const config = await readFile(join(path, 'config.json'), 'utf8')
      const prune = () => pare(['prune', 'onnx/model.onnx', '--structure', 'neuron', '--no-prove'], { cwd: path })
      const { stderr } = await prune()
      expect(stderr).toContain(
        'warning: onnx/model.onnx: ../config.json says intermediate_size is 12, and the pruned model has 9',
      )
      expect(await readFile(join(path, 'config.json'), 'utf8')).toBe(config)
      await writeFile(join(path, 'config.json'), ' '.repeat(1 << 20) + config)
      expect((await prune()).stderr).not.toContain('config.json')
    } finally {
      await rm(path, { recursive: true })
    }
  })
})
