import { mkdir, readdir, symlink } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { describe, expect, it } from 'vitest'
import { assignOutputs, modelName, outputFiles, withFolder, writeWhole } from './output.js'
import { fixture } from './testing/folder.js'

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

  it('are never the input of another model', async () => {
    await using folder = await fixture(undefined, { 'out/model.onnx': 'another model' })
    const models = [{ path: join(folder.path, 'model.onnx') }, { path: join(folder.path, 'out/model.onnx') }]
    await expect(assignOutputs(models, folder.path)).rejects.toThrow('inputs are never overwritten')
  })
})

describe('the files of one command', () => {
  it('stand in ./pare-out/<model name>/ by default', async () => {
    const { folder, model } = await outputFiles('/models/resnet.onnx', { cwd: '/work', out: undefined })
    expect([folder, model]).toEqual([join('/work/pare-out/resnet'), join('/work/pare-out/resnet/resnet.onnx')])
  })

  it('are not the input behind a link', async () => {
    await using folder = await fixture()
    await mkdir(join(folder.path, 'out'))
    await symlink(join(folder.path, 'model.onnx'), join(folder.path, 'out/model.onnx'))
    const input = join(folder.path, 'model.onnx')
    await expect(outputFiles(input, { cwd: folder.path, out: 'out' })).rejects.toMatchObject({
      kind: 'usage',
      hint: 'choose another folder with --out',
    })
  })
})

describe('a folder for results', () => {
  it('goes again when the work fails, as far as it was made for it', async () => {
    await using folder = await fixture(undefined, { 'kept/note.txt': '' })
    const fail = () => Promise.reject(new Error('stop'))
    await expect(withFolder(join(folder.path, 'kept/a/b/c'), fail)).rejects.toThrow('stop')
    expect(await readdir(join(folder.path, 'kept'))).toEqual(['note.txt'])
    await expect(withFolder(join(folder.path, 'kept'), fail)).rejects.toThrow('stop')
    expect(await readdir(join(folder.path, 'kept'))).toEqual(['note.txt'])
  })

  it('stays where something is in it', async () => {
    await using folder = await fixture()
    const work = async () => {
      await writeWhole(join(folder.path, 'a/b/done.txt'), 'done')
      throw new Error('stop')
    }
    await expect(withFolder(join(folder.path, 'a/b'), work)).rejects.toThrow('stop')
    expect(await readdir(join(folder.path, 'a/b'))).toEqual(['done.txt'])
  })
})

it('a text that cannot be written leaves no temporary file', async () => {
  await using folder = await fixture(undefined, { 'taken/note.txt': '' })
  await expect(writeWhole(join(folder.path, 'taken'), 'text')).rejects.toThrow()
  expect(await readdir(folder.path)).toEqual(['model.onnx', 'taken', 'val.npz'])
})
