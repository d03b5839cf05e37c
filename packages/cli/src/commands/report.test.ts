import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fixture, TEST_MODELS } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'

it('shows the results of a run again, and writes the same report and summary', async () => {
  await using folder = await fixture()
  const cwd = folder.path
  await copyFile(join(TEST_MODELS, 'mlp-digits.onnx'), join(cwd, 'model.onnx'))
  await copyFile(join(TEST_MODELS, 'data/digits-evaluate.npz'), join(cwd, 'val.npz'))
  const run = await pare(['run', 'model.onnx', '--data', 'val.npz', '--sparsity', '0.5', '--max-drop', '0.02'], { cwd })
  const again = await pare(['report', 'pare-out/results.json', '--out', 'again'], { cwd })
  expect({ ...again, stdout: again.stdout.replaceAll('again/', 'pare-out/') }).toMatchObject({
    exitCode: 0,
    stdout: run.stdout.replace(/\n +results .*/, ''),
  })
  for (const file of ['report.html', 'summary.md'])
    expect(await readFile(join(cwd, 'again', file), 'utf8')).toBe(await readFile(join(cwd, 'pare-out', file), 'utf8'))
  const shown = await pare(['report', 'pare-out/results.json', '--json'], { cwd })
  expect(shown.json()).toEqual(JSON.parse(await readFile(join(cwd, 'pare-out/results.json'), 'utf8')))
})

it('refuses a folder that is a file', async () => {
  await using folder = await fixture()
  const document = { schemaVersion: 1, command: 'run', verdict: 'pass', models: [] }
  await writeFile(join(folder.path, 'results.json'), JSON.stringify(document))
  const { exitCode, stderr } = await pare(['report', 'results.json', '--out', 'model.onnx'], { cwd: folder.path })
  expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining('model.onnx cannot be made: EEXIST') })
})

it.each([
  ['none.json', 'cannot be read (ENOENT)'],
  ['text.json', 'holds no results of pare run'],
  ['other.json', 'holds no results of pare run: schemaVersion'],
])('refuses %s', async (name, message) => {
  await using folder = await fixture()
  await writeFile(join(folder.path, 'text.json'), 'hello')
  await writeFile(join(folder.path, 'other.json'), '{}')
  const { exitCode, stderr } = await pare(['report', name], { cwd: folder.path })
  expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(message) })
})
