// npm run coverage [-- PACKAGE…] [--files]: which share of each package's lines its own tests run; `--files`: and of which files not all.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { root, run } from './setup.mjs'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { files: { type: 'boolean', default: false } } })
const packages =
  positionals.length > 0
    ? positionals
    : readdirSync(`${root}packages`).filter((name) => existsSync(`${root}packages/${name}/src`))

const row = (name, { total, covered }) =>
  `${name.padEnd(44)}${String(total).padStart(6)}${((100 * covered) / total).toFixed(1).padStart(7)} %`
const tables = packages.map((name) => {
  const { total, ...files } = measure(name)
  const short = values.files ? Object.entries(files).filter(([, { lines }]) => lines.covered < lines.total) : []
  return [
    row(name, total.lines),
    ...short.map(([path, { lines }]) => row(`  ${relative(`${root}packages/${name}/src`, path)}`, lines)),
  ].join('\n')
})
console.log(`\n${'package'.padEnd(44)} lines  own tests\n${tables.join('\n')}`)

/** What vitest's coverage says of a package: lines in all and by file. Ends the process where a test fails. */
function measure(name) {
  const folder = mkdtempSync(join(tmpdir(), 'pare-coverage-'))
  const coverage = [
    'enabled',
    'provider=v8',
    'include=src/**/*.ts',
    'exclude=src/**/*.test.*',
    'reporter=json-summary',
    `reportsDirectory=${folder}`,
  ]
  const flags = coverage.map((flag) => `--coverage.${flag}`)
  run('npx', ['vitest', 'run', '--config', '../../vitest.config.ts', '--root', `packages/${name}`, '--reporter=dot', ...flags], {
    quiet: true,
  })
  const summary = JSON.parse(readFileSync(join(folder, 'coverage-summary.json'), 'utf8'))
  rmSync(folder, { recursive: true })
  return summary
}
