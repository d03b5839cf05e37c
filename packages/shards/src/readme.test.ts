import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const root = fileURLToPath(new URL('../../..', import.meta.url))

test('the first example runs and prints what it says', () => {
  const code = /```js\n(.*?)```/s.exec(readme)![1]!
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: root, encoding: 'utf8' })
  expect(out).toBe(`${[...code.matchAll(/\) \/\/ (.*)/g)].map(([, comment]) => comment).join('\n')}\n`)
})
