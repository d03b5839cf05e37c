// node bench/depth.mjs [--full] [--layers 6,12,24] [--tokens 64] [--samples 120] [--only sparsegpt,alps,repair]: seconds and peak memory (of all processes together,
// polled) of what is solved or repaired block by block, against the number of layers of transformers with random weights: 768 wide with --full, 192 without.
// Shared files are counted in each process that has them in memory.
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeModel } from '../packages/onnx/dist/index.js'
import { transformer } from './models/transformer.mjs'

const { values: options } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    layers: { type: 'string', default: '6,12,24' },
    tokens: { type: 'string', default: '64' },
    samples: { type: 'string', default: '120' },
    only: { type: 'string', default: 'sparsegpt,alps,repair' },
  },
})
const root = fileURLToPath(new URL('..', import.meta.url))
const out = `${root}bench/out/depth-${process.pid}`
const width = options.full ? 768 : 192
const [tokens, samples] = [Number(options.tokens), Number(options.samples)]
const RULES = {
  sparsegpt: ['--criterion', 'sparsegpt', '--sparsity', '0.5'],
  alps: ['--criterion', 'alps', '--sparsity', '0.5'],
  repair: ['--structure', 'neuron', '--ratio', '0.5', '--recover', 'repair', '--no-prove'],
}

mkdirSync(out, { recursive: true })
try {
  writeFileSync(`${out}/ids.npy`, npy(samples, tokens))
  console.log(
    `${width} wide, ${samples} × ${tokens} tokens\n\n| layers | what | seconds | seconds a layer | peak MB |\n|---|---|---|---|---|`,
  )
  for (const layers of options.layers.split(',').map(Number)) {
    const model = `${out}/${layers}.onnx`
    await writeModel(transformer({ width, layers, sparsity: 0 }), model)
    for (const name of options.only.split(',')) {
      const { seconds, peak } = await pare([
        'prune',
        model,
        ...RULES[name],
        '--calibrate',
        `${out}/ids.npy`,
        '--out',
        `${out}/pruned`,
      ])
      const cells = [layers, name, seconds.toFixed(1), (seconds / layers).toFixed(2), Math.round(peak / 1e6)]
      console.log(`| ${cells.join(' | ')} |`)
    }
    rmSync(model)
  }
} finally {
  rmSync(out, { recursive: true, force: true })
}

async function pare(args) {
  const start = performance.now()
  const child = spawn(process.execPath, [`${root}packages/cli/dist/main.js`, ...args, '--quiet'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  let peak = 0
  const timer = setInterval(() => {
    peak = Math.max(peak, residentBytes(child.pid))
  }, 100)
  const code = await new Promise((resolve) => child.on('close', resolve))
  clearInterval(timer)
  if (code !== 0) throw new Error(`pare ${args.join(' ')} ended with ${code}`)
  return { seconds: (performance.now() - start) / 1000, peak }
}

/** Of a process and its children. */
function residentBytes(root) {
  const processes = readdirSync('/proc').flatMap((pid) => {
    try {
      return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/status`, 'utf8')] : []
    } catch {
      return []
    }
  })
  const parents = new Map(processes.map((status) => [number(status, 'Pid'), number(status, 'PPid')]))
  const isOurs = (pid) => pid === root || (parents.has(pid) && isOurs(parents.get(pid)))
  return processes
    .filter((status) => isOurs(number(status, 'Pid')))
    .reduce((sum, status) => sum + 1024 * number(status, 'VmRSS'), 0)
}

function number(status, field) {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
}

/** i64[rows, columns] of token ids, as NumPy stores it. */
function npy(rows, columns) {
  const shape = `{'descr': '<i8', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`
  const header = `${shape.padEnd(64 * Math.ceil((shape.length + 11) / 64) - 11)}\n`
  const length = Buffer.alloc(2)
  length.writeUInt16LE(header.length)
  const ids = BigInt64Array.from({ length: rows * columns }, (_, i) => BigInt((i * 2654435761) % 512))
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(header), Buffer.from(ids.buffer)])
}
