// npm run coverage [-- PACKAGE…] [--files]: which share of each package's lines its own tests run; `--files`: and which lines they do not.
// Packages must be built: child processes run that.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { linesOf, linesOfChildren } from './own-lines/children.mjs'
import { root, run } from './setup.mjs'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { files: { type: 'boolean', default: false } } })
const packages =
  positionals.length > 0
    ? positionals
    : readdirSync(`${root}packages`).filter((name) => existsSync(`${root}packages/${name}/src`))

console.log(`${'package'.padEnd(44)} lines  own tests`)
for (const name of packages) {
  const files = await measure(`${root}packages/${name}`)
  const sum = (key) => files.reduce((total, file) => total + file[key], 0)
  console.log(row(name, { lines: sum('lines'), covered: sum('covered') }))
  for (const file of values.files ? files : [])
    if (file.missed.length > 0) console.log(`${row(`  ${file.name}`, file)}   ${file.missed.join(' ')}`)
}

function row(name, { lines, covered }) {
  return `${name.padEnd(44)}${String(lines).padStart(6)}${((100 * covered) / lines).toFixed(1).padStart(7)} %`
}

/** Runs the tests of the package in a folder. Ends this process where one fails. */
async function measure(folder) {
  const place = mkdtempSync(join(tmpdir(), 'pare-coverage-'))
  const [notes, mapped] = [join(place, 'notes'), join(place, 'mapped')]
  mkdirSync(notes)
  Object.assign(process.env, { COVERAGE: join(place, 'report'), CHILDREN_COVERAGE: notes })
  const config = `${root}scripts/own-lines/vitest.config.mjs`
  run('npx', ['vitest', 'run', '--config', config, '--root', folder], { quiet: true })
  run('npx', ['tsc', '-p', folder, '--sourceMap', '--outDir', mapped], { quiet: true })
  const ofChildren = linesOfChildren(notes, { folder, mapped })
  const coverage = JSON.parse(readFileSync(join(place, 'report/coverage-final.json'), 'utf8'))
  rmSync(place, { recursive: true })
  return Object.entries(coverage).map(([path, map]) => {
    const { all, covered } = linesOf(map)
    for (const line of ofChildren.get(path) ?? []) covered.add(line)
    const missed = [...all].filter((line) => !covered.has(line)).sort((a, b) => a - b)
    return { name: relative(join(folder, 'src'), path), lines: all.size, covered: all.size - missed.length, missed }
  })
}
