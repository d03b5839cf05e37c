// node bench/prune.mjs [110m|500m …] [--runs 3]: global L1 pruning to 50 %, whole process, against moving the same bytes.
// Prints medians: seconds, ratios to read + write + fsync and to a cached copy, and peak memory.
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, copyFileSync, fsyncSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { benchModel } from './models/chain.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '3' }, storage: { type: 'string' } },
})
const out = fileURLToPath(new URL('out/', import.meta.url))
const cli = fileURLToPath(new URL('../packages/cli/dist/main.js', import.meta.url))

for (const size of positionals.length > 0 ? positionals : ['110m', '500m']) {
  for (const storage of values.storage ? [values.storage] : ['inline', 'external']) await measure(size, storage)
  numpy(size)
}

async function measure(size, storage) {
  const model = await benchModel(size, storage)
  const files = storage === 'external' ? [`${model}.data`, model] : [model]
  for (const file of files) move(file)
  const rows = []
  for (let run = 0; run < Number(values.runs); run++) {
    const io = seconds(() => files.forEach(move))
    const copy = seconds(() => {
      for (const file of files) copyFileSync(file, `${out}copy.bin`)
    })
    rmSync(`${out}copy.bin`)
    rows.push({ io, copy, ...(await prune(model)) })
  }
  const median = (key) => rows.map((row) => row[key]).sort((a, b) => a - b)[rows.length >> 1]
  const bytes = files.reduce((total, file) => total + statSync(file).size, 0)
  const [io, copy, pare] = [median('io'), median('copy'), median('pare')]
  console.log(
    `${size} ${storage.padEnd(8)} ${(bytes / 1e6).toFixed(0)} MB · read+write+fsync ${io.toFixed(2)} s · cached copy ${copy.toFixed(2)} s · pare ${pare.toFixed(2)} s` +
      ` = ${(pare / io).toFixed(1)}× (aim ≤ 5) and ${(pare / copy).toFixed(1)}× (aim ≤ 12) · peak ${median('peak').toFixed(0)} MB (aim ≤ 350) · sparsity ${rows[0].sparsity}`,
  )
}

/** Reads a file, writes the same bytes to another and flushes it, 4 MiB at a time. */
function move(file) {
  const buffer = Buffer.allocUnsafe(4 << 20)
  const from = openSync(file)
  const to = openSync(`${out}moved.bin`, 'w')
  for (let n = readSync(from, buffer); n > 0; n = readSync(from, buffer)) writeSync(to, buffer, 0, n)
  fsyncSync(to)
  closeSync(from)
  closeSync(to)
  rmSync(`${out}moved.bin`)
}

function seconds(work) {
  const start = performance.now()
  work()
  return (performance.now() - start) / 1000
}

async function prune(model) {
  const start = performance.now()
  const child = spawn(
    process.execPath,
    [cli, 'prune', model, '--sparsity', '0.5', '--out', `${out}pruned`, '--json', '--quiet'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let text = ''
  for await (const piece of child.stdout) text += piece
  const pare = (performance.now() - start) / 1000
  rmSync(`${out}pruned`, { recursive: true, force: true })
  const { sparsity, peakMemoryBytes } = JSON.parse(text)
  return { pare, peak: peakMemoryBytes / 1e6, sparsity: sparsity.after }
}

/** The same on raw bytes with numpy's partition, without the start of Python, where python3-numpy is installed. */
function numpy(size) {
  const raw = `${out}${size}-external.onnx.data`
  const script = `
import sys, time, resource, os, numpy as np
t = time.perf_counter(); w = np.fromfile(sys.argv[1], np.float32)
a = np.abs(w); k = len(a) // 2; a.partition(k); threshold = a[k]; del a
w[np.abs(w) < threshold] = 0
w.tofile(sys.argv[2]); t = time.perf_counter() - t; os.remove(sys.argv[2])
print(f'{t:.2f} s, peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB')`
  const { status, stdout } = spawnSync('/usr/bin/python3', ['-c', script, raw, `${out}numpy.bin`], { encoding: 'utf8' })
  console.log(`${size} numpy    ${status === 0 ? stdout.trim() : 'not measured: python3-numpy is not installed'}`)
}
