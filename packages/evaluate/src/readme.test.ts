import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { findMetric, METRIC_NAMES } from './metrics/metrics.js'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const root = fileURLToPath(new URL('../../..', import.meta.url))

test('the first example runs and prints what it says', () => {
  const code = /```js\n(.*?)```/s.exec(readme)![1]!
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: root, encoding: 'utf8' })
  expect(out).toBe(`${/console\.log\(metrics\) \/\/ (.*)/.exec(code)![1]}\n`)
}, 300_000)

test.each(
  METRIC_NAMES.map((name) => (name === 'top-k' ? 'top-5' : name)),
)('metric %s stands in the table with its formula', (name) => {
  const row = readme.split('\n').find((line) => line.startsWith('|') && line.split(' | ')[0]!.includes(`\`${name}\``))
  expect(row?.replaceAll('\\|', '|').replace(/ +/g, ' ')).toContain(`| ${findMetric(name).formula} |`)
})
