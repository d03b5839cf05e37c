import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test('the example runs and prints what it says', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const [, code, output] = /```js\n(.*?)```\s*(.*?)\n/s.exec(readme)!
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', code!], { cwd: root, encoding: 'utf8' })
  expect(out.trim()).toBe(output)
})
