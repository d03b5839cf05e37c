import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { MetricNeeds } from '@pare/metric'
import { expect, test } from 'vitest'
import { findMetric } from './metrics/find.js'
import { METRIC_NAMES } from './metrics/metric-names.js'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const root = fileURLToPath(new URL('../../..', import.meta.url))

test('the first example runs and prints what it says', () => {
  const code = /```js\n(.*?)```/s.exec(readme)![1]!
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: root, encoding: 'utf8' })
  expect(out).toBe(`${/console\.log\(metrics\) \/\/ (.*)/.exec(code)![1]}\n`)
}, 300_000)

/** What of the data it needs, in a word or two. */
function needsOf({ read, against, many, single }: MetricNeeds): string {
  const other = against === 'reference' ? 'reference' : against === 'group' ? 'class' : against
  const what = {
    answers: other,
    scores: other,
    values: other,
    tokens: 'token ids',
    text: 'text',
    boxes: 'boxes',
    choices: 'questions with choices',
  }[read]
  return [what, read === 'scores' && against === 'class' && 'scores', many && 'or labels', single && 'one a sample']
    .filter(Boolean)
    .join(', ')
}

/** What metrics cannot be made without. */
const WITH_OPTIONS: Readonly<Record<string, string>> = { accepted: 'accepted:command=python3 judge.py' }

/** The table of metrics as the README shows it. */
async function metricTable(): Promise<string> {
  const rows = METRIC_NAMES.map(async (name) => {
    const { formula, needs, better } = await findMetric(WITH_OPTIONS[name] ?? (name.endsWith('-k') ? `${name}:k=5` : name))
    const example = name.endsWith('-k') ? `, \`${name.slice(0, -1)}5\` for example` : ''
    return `| \`${name}\`${example} | ${formula.replaceAll('|', '\\|')} | ${better} | ${needsOf(needs)} |`
  })
  return ['| name | value | better | needs |', '| --- | --- | --- | --- |', ...(await Promise.all(rows))].join('\n')
}

test('it has each metric with its formula; if not: npm run generate -w @pare/evaluate', async () => {
  const place = /(<!-- metrics -->\n)[\s\S]*?(<!-- end -->)/
  expect(readme).toMatch(place)
  const table = await metricTable()
  const written = readme.replace(place, (_, begin: string, end: string) => `${begin}\n${table}\n\n${end}`)
  await expect(written).toMatchFileSnapshot(fileURLToPath(new URL('../README.md', import.meta.url)))
})
