// The laws of cutting on many random graphs: `node bench/laws.mjs 5000 [first seed]`. The tests try a few of them on every run.
import { tryRandomGraph } from '../packages/axes/dist/random/graph.test.support.js'

const [count = 1000, first = 1] = process.argv.slice(2).map(Number)
const total = { graphs: 0, cut: 0, held: 0, refused: 0, broken: 0 }
const started = performance.now()
const EVERY = 500
for (let seed = first; seed < first + count; seed++) {
  for (const kind of ['cnn', 'transformer']) {
    const steps = 1 + (seed % 7)
    try {
      const tried = await tryRandomGraph(kind, seed, steps)
      total.graphs++
      for (const key of ['cut', 'held']) total[key] += tried[key]
      if (tried.isRefused) total.refused++
      for (const problem of tried.broken) report(kind, seed, steps, problem)
    } catch (error) {
      report(kind, seed, steps, error.message.split('\n')[0])
    }
  }
  // A run that is ended early has told how far it came.
  if ((seed - first + 1) % EVERY === 0) console.log(summary())
}
console.log(summary())
process.exitCode = total.broken > 0 ? 1 : 0

function summary() {
  return { ...total, seconds: Math.round((performance.now() - started) / 1000) }
}

function report(kind, seed, steps, problem) {
  total.broken++
  console.log(`${kind} of seed ${seed} and ${steps} steps: ${problem}`)
}
