// Everything that `pare` prints and writes, to see what a change changes:
//   node scripts/golden.mjs record FOLDER [--cli packages/cli/bin/pare.js] [--only part-of-a-name]
//   node scripts/golden.mjs compare BEFORE AFTER
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { cases } from './golden/cases.mjs'
import { record } from './golden/record.mjs'
import { root } from './setup.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { cli: { type: 'string', default: `${root}packages/cli/bin/pare.js` }, only: { type: 'string', default: '' } },
})
const [what, first, second] = positionals
if (what === 'record' && first !== undefined) await recordAll(resolve(first))
else if (what === 'compare' && second !== undefined) process.exitCode = compare(first, second) === 0 ? 0 : 1
else throw Error('golden: expected `record FOLDER` or `compare BEFORE AFTER`.')

/** Records all cases into `out`, two at a time. Models come from this repository, also those of another CLI. */
async function recordAll(out) {
  const work = realpathSync(mkdtempSync(join(tmpdir(), 'pare-golden-')))
  const models = join(work, 'models')
  for (const source of ['../shared/models', 'test-models']) {
    if (existsSync(`${root}${source}`)) cpSync(`${root}${source}`, models, { recursive: true })
  }
  cpSync(`${root}scripts/golden/here`, join(work, 'here'), { recursive: true })
  const left = cases((file) => existsSync(join(models, file))).filter(({ name }) => name.includes(values.only))
  const count = left.length
  const started = Date.now()
  mkdirSync(out, { recursive: true })
  const worker = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const from = Date.now()
      await record(next, { cli: realpathSync(values.cli), work, out })
      process.stderr.write(`${((Date.now() - from) / 1000).toFixed(1).padStart(6)} s  ${next.name}\n`)
    }
  }
  await Promise.all([worker(), worker()])
  rmSync(work, { recursive: true })
  console.log(`${count} cases in ${((Date.now() - started) / 1000).toFixed(0)} s`)
}

/** Prints each difference, shortly, and returns how many files differ. */
function compare(before, after) {
  const files = (folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  const paths = [...new Set([...files(before), ...files(after)])].sort()
  let differing = 0
  for (const path of paths) {
    const { stdout } = spawnSync('diff', ['-N', '-U1', join(before, path), join(after, path)], {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    })
    if (stdout === '') continue
    differing++
    const lines = stdout.split('\n').slice(2)
    const more = lines.length > 16 ? `  … ${lines.length - 16} lines more\n` : ''
    console.log(
      `${path}\n${lines
        .slice(0, 16)
        .map((line) => `  ${line.slice(0, 200)}\n`)
        .join('')}${more}`,
    )
  }
  console.log(`${differing} of ${paths.length} files differ`)
  return differing
}
