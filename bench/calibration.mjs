// node bench/calibration.mjs: time of calibrating lm-llama on 32,768 tokens beside a plain forward pass over the same data, three times in turn.
// Both run in a child process, loading and starting included; the plain pass gives only the largest logit of each batch, so that nothing is carried over.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { analyse, CHUNK_SAMPLES } from '@pare/core'
import { sparsegpt } from '@pare/criterion-sparsegpt'
import { wanda } from '@pare/criterion-wanda'
import { forwardModel } from '@pare/evaluate'
import { editGraph, editModel, makeNode, makeValueInfo, openModel, writeModel } from '@pare/onnx'
import { measure } from '../packages/core/dist/calibrate/measure.js'

const shared = fileURLToPath(new URL('../../shared/models/', import.meta.url))
const models = existsSync(shared) ? shared : fileURLToPath(new URL('../test-models/', import.meta.url))
const data = `${models}data/lm-calibrate.npz`
const folder = await mkdtemp(join(tmpdir(), 'pare-bench-'))
const { model } = await openModel(`${models}lm-llama.onnx`)
const { weights } = analyse(model, { exclude: ['/lm_head/*'] })
const ways = {
  plain: () => drain(largestLogit(model)),
  Wanda: () => measured(wanda().needs),
  SparseGPT: () => measured(sparsegpt().needs),
}
const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]))
for (let round = 0; round < 3; round++) {
  for (const [name, run] of Object.entries(ways)) {
    const start = performance.now()
    await run()
    times[name].push(performance.now() - start)
  }
}
const median = (list) => list.toSorted((a, b) => a - b)[1]
for (const [name, list] of Object.entries(times))
  console.log(
    `${name.padEnd(10)} ${(median(list) / 1000).toFixed(2)} s   ${(median(list) / median(times.plain)).toFixed(2)} × the plain pass`,
  )
await rm(folder, { recursive: true })

function measured(needs) {
  return measure(model, weights, needs, { forward: (instrumented, { sums }) => forward(instrumented, sums) })
}

async function* forward(instrumented, sums = new Set()) {
  const path = join(folder, 'model.onnx')
  await writeModel(instrumented, path)
  yield* forwardModel({ model: path, data, sums: [...sums], chunk: CHUNK_SAMPLES })
}

async function drain(instrumented) {
  for await (const _ of forward(instrumented));
}

function largestLogit({ graph, ...rest }) {
  const node = makeNode({ op: 'ReduceMax', inputs: [graph.outputs[0].name], outputs: ['largest'], attributes: { keepdims: 0n } })
  return editModel(
    { graph, ...rest },
    { graph: editGraph(graph, { nodes: [...graph.nodes, node], outputs: [makeValueInfo({ name: 'largest' })] }) },
  )
}
