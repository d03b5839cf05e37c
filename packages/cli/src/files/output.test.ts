import { mkdir, symlink } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fixture } from '../testing/folder.js'
import { assignOutputs, companionsOf, modelName, outputFiles } from './output.js'

const assigned = async (...paths: string[]) => {
  const outputs = await assignOutputs(
    paths.map((path) => ({ path })),
    '/out',
  )
  return outputs.map(({ model, plan }) => [model.split(sep).join('/'), plan.split(sep).join('/')])
}

describe('the files of a run', () => {
  it('are named after the model', async () => {
    expect(modelName('/a/resnet.v2.onnx')).toBe('resnet.v2')
    expect(await assigned('/a/b/resnet.onnx')).toEqual([['/out/resnet.onnx', '/out/resnet.plan.json']])
  })

  it('stand below the common folder where names meet', async () => {
    expect(await assigned('/a/bert/model.onnx', '/a/gpt/model.onnx', '/a/x.onnx')).toEqual([
      ['/out/bert/model.onnx', '/out/bert/model.plan.json'],
      ['/out/gpt/model.onnx', '/out/gpt/model.plan.json'],
      ['/out/x.onnx', '/out/x.plan.json'],
    ])
  })

  it('are numbered where one model is pruned in several ways', async () => {
    expect((await assigned('/a/m.onnx', '/a/m.onnx', '/a/m.onnx')).map(([model]) => model)).toEqual([
      '/out/m.onnx',
      '/out/m-2.onnx',
      '/out/m-3.onnx',
    ])
  })

  it('are never the results of the run itself', async () => {
    expect((await assigned('/a/results.json', '/a/report.html', '/a/summary.md')).map(([model]) => model)).toEqual([
      '/out/results-2.json',
      '/out/report-2.html',
      '/out/summary-2.md',
    ])
  })

  it('do not meet, whatever models are called', async () => {
    const models = [
      '/a/a.onnx',
      '/a/a.onnx',
      '/a/a-2.onnx',
      '/a/A.onnx',
      '/a/a.onnx.data',
      '/a/a.plan.json',
      '/a/a.plan.bin',
      '/a/a',
    ]
    const outputs = await assignOutputs(
      models.map((path) => ({ path })),
      '/out',
    )
    const names = outputs.flatMap(companionsOf).map((name) => name.toLowerCase())
    expect(new Set(names).size).toBe(names.length)
    // What has a name of its own keeps it.
    expect(outputs[2]!.model.split(sep).join('/')).toBe('/out/a-2.onnx')
  })

  it('do not meet on a disk that writes letters in one way only', async () => {
    const [one, other] = await assigned('/a/\u00e9.onnx', '/a/e\u0301.onnx')
    expect(one![0]!.normalize('NFC')).not.toBe(other![0]!.normalize('NFC'))
  })

  it('are never the input of another model', async () => {
    await using folder = await fixture(undefined, { 'out/model.onnx': 'another model' })
    const models = [{ path: join(folder.path, 'model.onnx') }, { path: join(folder.path, 'out/model.onnx') }]
    await expect(assignOutputs(models, folder.path)).rejects.toThrow('inputs are never overwritten')
  })
})

describe('the files of one command', () => {
  it('stand in ./pare-out/<model name>/ by default', async () => {
    const { folder, model } = await outputFiles({ path: '/models/resnet.onnx' }, { cwd: '/work', out: undefined })
    expect([folder, model]).toEqual([join('/work/pare-out/resnet'), join('/work/pare-out/resnet/resnet.onnx')])
  })

  it('are not the input behind a link', async () => {
    await using folder = await fixture()
    await mkdir(join(folder.path, 'out'))
    await symlink(join(folder.path, 'model.onnx'), join(folder.path, 'out/model.onnx'))
    const input = join(folder.path, 'model.onnx')
    await expect(outputFiles({ path: input }, { cwd: folder.path, out: 'out' })).rejects.toMatchObject({
      kind: 'usage',
      hint: 'choose another folder with --out',
    })
  })
})
