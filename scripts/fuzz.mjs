// node scripts/fuzz.mjs TARGET…|all [--runs N] [--seconds S] [--seed N] [--out FOLDER] [--file FILE]
// Gives the parsers of strangers' files inputs that are broken in every way, from a corpus that is kept in scripts/fuzz/corpus. What an input may do: be read, or be
// refused with a PareError. Another error, more than 10 seconds, and more memory than 64 times its bytes and 512 MiB are findings: they are written to --out, and the
// exit code is 1. --file runs one input. --one-thread has nobody watch whether an input ends, and starts
// faster. Needs a build.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { TARGETS } from './fuzz/targets.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '1000000000' },
    seconds: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: 'fuzz-findings' },
    file: { type: 'string' },
    'one-thread': { type: 'boolean', default: false },
  },
})
const names = positionals.includes('all') ? Object.keys(TARGETS) : positionals
const unknown = names.filter((name) => !Object.hasOwn(TARGETS, name))
if (names.length === 0 || unknown.length > 0) {
  console.error(
    `fuzz: ${unknown[0] === undefined ? 'no target' : `'${unknown[0]}' is no target`}; there are ${Object.keys(TARGETS).join(', ')}.`,
  )
  process.exit(2)
}

/** An input that runs longer is one that hangs. */
const HANG_MS = 10_000

let found = 0
for (const name of names) {
  const findings = new Map()
  const start = values['one-thread'] ? fuzzHere : fuzzApart
  const end = await start(name, ({ input, fault }) => {
    const kind = fault.split('\n').slice(0, 2).join('\n').replace(/\d+/g, '')
    if (findings.has(kind)) return
    const file = join(values.out, `${name}-${createHash('sha256').update(input).digest('hex').slice(0, 12)}`)
    findings.set(kind, file)
    mkdirSync(values.out, { recursive: true })
    writeFileSync(file, input)
    console.log(`${name}: ${input.length} bytes, ${file}\n  ${fault.split('\n').slice(0, 6).join('\n  ')}`)
  })
  found += findings.size
  const { done, corpus, slowest, seconds } = end
  const times = `${Math.round(seconds)} s, ${Math.round(done / seconds)} a second, slowest ${Math.round(slowest)} ms`
  console.log(
    `${name.padEnd(12)}${String(done).padStart(10)} inputs, seed ${values.seed}, ${times}, corpus of ${corpus}, ${findings.size} findings`,
  )
}
process.exitCode = found > 0 ? 1 : 0

async function fuzzHere(name, onFinding) {
  const { fuzz } = await import('./fuzz/run.mjs')
  return fuzz(name, { ...settings(), onFinding })
}

function settings() {
  const only = values.file === undefined ? undefined : readFileSync(values.file)
  return { runs: Number(values.runs), seconds: Number(values.seconds), seed: Number(values.seed), only }
}

/** In a worker. An input that does not end, and one that ends the worker, are findings and end it. */
function fuzzApart(name, onFinding) {
  const [beat, current] = [new SharedArrayBuffer(8), new SharedArrayBuffer(1 << 17)]
  const heartbeat = new Int32Array(beat)
  const worker = new Worker(new URL('fuzz/worker.mjs', import.meta.url), {
    workerData: { target: name, beat, current, ...settings() },
  })
  return new Promise((resolve) => {
    const begin = Date.now()
    let [last, since] = [0, begin]
    const timer = setInterval(() => {
      const now = Atomics.load(heartbeat, 0)
      if (now !== last) [last, since] = [now, Date.now()]
      else if (Date.now() - since > HANG_MS && now > 0) fail('does not end within 10 seconds')
    }, 500)
    const finish = (end) => {
      clearInterval(timer)
      void worker.terminate().then(() => resolve(end))
    }
    const fail = (fault) => {
      onFinding({ input: Uint8Array.from(new Uint8Array(current).subarray(0, heartbeat[1])), fault })
      finish({ done: heartbeat[0], corpus: 0, slowest: Date.now() - since, seconds: (Date.now() - begin) / 1000 })
    }
    worker.on('message', (message) => (message.kind === 'finding' ? onFinding(message) : finish(message)))
    // Memory ran out, or nobody waited for a promise that was rejected.
    worker.on('error', (error) => fail(String(error.stack)))
  })
}
