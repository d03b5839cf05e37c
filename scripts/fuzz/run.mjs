// One target, in a worker: inputs are made, run and judged until enough did. What is run now is where the main thread sees it, should it never end.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parentPort, workerData } from 'node:worker_threads'
import { mutate, pick, randomFrom } from './mutate.mjs'
import { corpusOf, TARGETS } from './targets.mjs'

const { target: name, runs, seconds, seed, beat, current, only } = workerData
const { run, words, change } = TARGETS[name]

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')

/** Of memory an input of n bytes may take. */
const limitFor = (n) => 64 * n + 2 ** 29

const random = randomFrom(seed)
const corpus = only === undefined ? await corpusOf(name) : [Buffer.from(only)]
const seen = new Set()
const heartbeat = new Int32Array(beat)
const shown = new Uint8Array(current)
const begin = performance.now()
let done = 0
let slowest = 0
let base = memory()

for (const input of corpus) await one(Buffer.from(input))
if (only === undefined) while (done < runs && performance.now() - begin < seconds * 1000) await one(next())
parentPort.postMessage({ kind: 'end', done, corpus: corpus.length, slowest, seconds: (performance.now() - begin) / 1000 })

/** Half of them say something odd in the right form, where the format has a form that is known here. */
function next() {
  const input = pick(corpus, random)
  if (change !== undefined && random() < 0.5) {
    try {
      return change(input, { random, corpus, words })
    } catch {
      // It has no form to begin with, or what was changed cannot be coded.
    }
  }
  return mutate(input, { random, corpus, words })
}

async function one(input) {
  show(input)
  const start = performance.now()
  const outcome = await outcomeOf(input)
  const ms = performance.now() - start
  slowest = Math.max(slowest, ms)
  done++
  Atomics.add(heartbeat, 0, 1)
  if (outcome.fault !== undefined) report(input, outcome.fault)
  const grown = memory() - base
  if (grown > 2 ** 27) await weigh(input)
  // A way that no input went before: what is changed next may go further.
  if (only === undefined && !seen.has(outcome.way) && seen.size < 5000 && input.length < 1 << 15) {
    seen.add(outcome.way)
    corpus.push(input)
  }
}

async function outcomeOf(input) {
  try {
    return { way: `${await run(input)}` }
  } catch (error) {
    if (error?.name === 'PareError') return { way: wayOf(error.message) }
    return { way: wayOf(String(error)), fault: error?.stack ?? String(error) }
  }
}

/** The message without what comes from the input. */
function wayOf(message) {
  return message.replace(/'[^']*'|"[^"]*"|\d+/g, '').slice(0, 200)
}

/** Whether it was this input that took the memory, and not those before it together. */
async function weigh(input) {
  collect()
  const before = memory()
  await outcomeOf(input)
  const after = memory()
  if (after - before > limitFor(input.length)) report(input, `takes ${after - before} bytes of memory`)
  collect()
  base = memory()
}

function memory() {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
}

function show(input) {
  heartbeat[1] = Math.min(input.length, shown.length)
  shown.set(input.subarray(0, shown.length))
}

function report(input, fault) {
  parentPort.postMessage({ kind: 'finding', input: new Uint8Array(input), fault })
}
