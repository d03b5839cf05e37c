import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openModel } from './files/open.js'
import { testModels } from './python.test.support.js'

const folder = mkdtempSync(join(tmpdir(), 'onnx-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('the example of the README does what it says', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const example = /```js\n([^`]*)```/.exec(readme)![1]!
  const script = join(folder, 'example.mjs')
  writeFileSync(script, example.replace("'@pare/onnx'", `'${new URL('../dist/index.js', import.meta.url)}'`))
  const input = join(folder, 'model.onnx')
  copyFileSync(testModels().find((path) => path.endsWith('mnist-resnet20-bn.onnx'))!, input)
  execFileSync(process.execPath, [script], { cwd: folder })
  await using file = await openModel(input)
  const bias = file.model.graph.initializers.find(({ name }) => name === 'fc.bias')!
  const expected = readFileSync(input)
  expected.fill(0, bias.data.file!.offset, bias.data.file!.offset + bias.data.byteLength)
  expect(readFileSync(join(folder, 'zeroed.onnx')).equals(expected)).toBe(true)
})
