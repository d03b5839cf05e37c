// Whether a run whose shards are damaged ever passes: node bench/shards.mjs [--runs 100] [--seed 1]
//
// Two models on 3 shards. Each run kills, doubles, cuts off, changes or swaps something at random and merges; then the shards that the merge names are run again, and merged once more.
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { runs: { type: 'string', default: '100' }, seed: { type: 'string', default: '1' } } })
const root = fileURLToPath(new URL('..', import.meta.url))
const bin = join(root, 'packages/cli/bin/pare.js')
const folder = mkdtempSync(join(tmpdir(), 'pare-shards-'))
const state = { seed: Number(values.seed) >>> 0 }
const random = (below) => {
  // mulberry32
  state.seed = (state.seed + 0x6d2b79f5) >>> 0
  let t = state.seed
  t = Math.imul(t ^ (t >>> 15), t | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) % below
}

for (const name of ['a.onnx', 'b.onnx']) cpSync(join(root, 'test-models/mlp-digits.onnx'), join(folder, name))
cpSync(join(root, 'test-models/data/digits-evaluate.npz'), join(folder, 'val.npz'))
const config = {
  ...{ evaluate: { data: 'val.npz', metric: 'accuracy' }, gate: { maxDrop: 0.05 }, baselines: false },
  models: ['a.onnx', 'b.onnx'].map((path) => ({ path, prune: [{ target: { sparsity: 0.3 } }] })),
}
writeFileSync(join(folder, 'pare.config.json'), JSON.stringify(config))
const pare = (...argv) => spawnSync(process.execPath, [bin, ...argv], { cwd: folder, encoding: 'utf8' })
const SHARDS = 3
for (let i = 1; i <= SHARDS; i++)
  execFileSync(process.execPath, [bin, 'run', '--quiet', '--shard', `${i}/${SHARDS}`], { cwd: folder })
cpSync(join(folder, 'pare-out/shards'), join(folder, 'whole'), { recursive: true })
const whole = pare('merge', 'whole', '--out', 'reference', '--json')
const verdictOf = ({ stdout }) => JSON.parse(stdout).verdict
if (verdictOf(whole) !== 'pass') throw new Error(`the undamaged merge does not pass: ${whole.stdout}`)

const shardFolder = (index) => `shard-${index}-of-${SHARDS}/attempt-1`
const filesOf = (path) =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
const DAMAGES = {
  killed: (at, index) => rmSync(join(at, shardFolder(index), 'manifest.json')),
  missing: (at, index) => rmSync(join(at, shardFolder(index)), { recursive: true }),
  doubled: (at, index) => cpSync(join(at, shardFolder(index)), join(at, 'again/attempt-1'), { recursive: true }),
  truncated(at, index) {
    const files = filesOf(join(at, shardFolder(index)))
    const file = files[random(files.length)]
    truncateSync(file, random(statSync(file).size))
  },
  changed(at, index) {
    const files = filesOf(join(at, shardFolder(index)))
    const file = files[random(files.length)]
    const bytes = readFileSync(file)
    bytes[random(bytes.length)] ^= 1 << random(8)
    writeFileSync(file, bytes)
  },
  swapped(at, index) {
    const other = (index % SHARDS) + 1
    renameSync(join(at, shardFolder(index)), join(at, 'kept'))
    renameSync(join(at, shardFolder(other)), join(at, shardFolder(index)))
    renameSync(join(at, 'kept'), join(at, shardFolder(other)))
    // Each where the other was is no harm; with one of its files it is.
    const [own, foreign] = [index, other].map((one) =>
      filesOf(join(at, shardFolder(one))).find((file) => file.includes('outcomes')),
    )
    const [a, b] = [own, foreign].map((file) => readFileSync(file))
    writeFileSync(own, b)
    writeFileSync(foreign, a)
  },
}
const counts = Object.fromEntries(
  Object.keys(DAMAGES).map((name) => [name, { runs: 0, incomplete: 0, refused: 0, passed: 0, completed: 0 }]),
)
for (let run = 0; run < Number(values.runs); run++) {
  const names = Object.keys(DAMAGES)
  const name = names[run % names.length]
  const at = join(folder, 'pare-out/shards')
  rmSync(at, { recursive: true, force: true })
  mkdirSync(at, { recursive: true })
  cpSync(join(folder, 'whole'), at, { recursive: true })
  DAMAGES[name](at, 1 + random(SHARDS))
  const merged = pare('merge', 'pare-out/shards', '--json')
  const count = counts[name]
  count.runs++
  const { models, verdict } = JSON.parse(merged.stdout)
  if (models === undefined) count.refused++
  else if (verdict === 'pass') count.passed++
  else if (models.every((model) => model.verdict !== 'fail')) count.incomplete++
  if (verdict === 'pass') console.log(`run ${run}: ${name} passed`)
  // As the messages say: what is there twice goes, and the shards that are named run again.
  rmSync(join(at, 'again'), { recursive: true, force: true })
  const named = new Set([...merged.stdout.matchAll(/run --shard (\d+)\/3|run shard (\d+)\/3/g)].map(([, a, b]) => a ?? b))
  for (const index of named) pare('run', '--quiet', '--shard', `${index}/${SHARDS}`)
  if (verdictOf(pare('merge', 'pare-out/shards', '--json')) === 'pass') count.completed++
}
console.table(counts)
rmSync(folder, { recursive: true })
