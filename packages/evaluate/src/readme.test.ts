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

const NEEDS = { class: 'class', values: 'values', tokens: 'token ids', reference: 'reference' } as const

/** The table of metrics as the README shows it. */
function metricTable(): string {
  const rows = METRIC_NAMES.map((name) => {
    const isFamily = name === 'top-k'
    const { formula, needs } = findMetric(isFamily ? 'top-5' : name)
    return `| \`${name}\`${isFamily ? ', `top-5` for example' : ''} | ${formula.replaceAll('|', '\\|')} | ${NEEDS[needs]} |`
  })
  return ['| name | value | needs |', '| --- | --- | --- |', ...rows].join('\n')
}

test('it has each metric with its formula; if not: npm run generate -w @pare/evaluate', async () => {
  const place = /(<!-- metrics -->\n)[\s\S]*?(<!-- end -->)/
  expect(readme).toMatch(place)
  const written = readme.replace(place, (_, begin: string, end: string) => `${begin}\n${metricTable()}\n\n${end}`)
  await expect(written).toMatchFileSnapshot(fileURLToPath(new URL('../README.md', import.meta.url)))
})
