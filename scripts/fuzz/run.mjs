// One target: inputs are made, run and judged until enough did.
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { mutate, pick, randomFrom } from './mutate.mjs'
import { corpusOf, TARGETS } from './targets.mjs'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
// Most inputs end in an error, and its frames cost more than what was read; a few name a finding.
Error.stackTraceLimit = 6

/** Of memory an input of n bytes may take. */
const limitFor = (n) => 64 * n + 2 ** 29

/** Gives what was done. `onInput` is called before an input is run, `onFinding` with an input and what is wrong. `only`: this input, and no other. */
export async function fuzz(name, { runs, seconds, seed, only, onInput = () => {}, onFinding }) {
  const { run, words, change } = TARGETS[name]
  const random = randomFrom(seed)
  const corpus = only === undefined ? await corpusOf(name) : [Buffer.from(only)]
  const seen = new Set()
  const begin = performance.now()
  let done = 0
  let slowest = 0
  let base = memory()
  for (const input of corpus) await one(Buffer.from(input))
  if (only === undefined) while (done < runs && performance.now() - begin < seconds * 1000) await one(next())
  return { done, corpus: corpus.length, slowest, seconds: (performance.now() - begin) / 1000 }

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
    onInput(input)
    const start = performance.now()
    const outcome = await outcomeOf(input)
    const ms = performance.now() - start
    slowest = Math.max(slowest, ms)
    done++
    if (outcome.fault !== undefined) onFinding({ input, fault: outcome.fault })
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

  /** Whether it was this input that took the memory, and not those before it together. */
  async function weigh(input) {
    collect()
    const before = memory()
    await outcomeOf(input)
    const after = memory()
    if (after - before > limitFor(input.length)) onFinding({ input, fault: `takes ${after - before} bytes of memory` })
    collect()
    base = memory()
  }
}

/** The message without what comes from the input. */
function wayOf(message) {
  return message.replace(/'[^']*'|"[^"]*"|\d+/g, '').slice(0, 200)
}

/** Bytes of the heap and of buffers outside it. `process.memoryUsage` asks the system, too, which took a tenth of the time. */
function memory() {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}
