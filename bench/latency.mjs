// node bench/latency.mjs [name …]: how much faster models run after a quarter, half and three quarters of their units are cut, one by one and in eights.
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { applyPlan, countMacs, makePlan } from '@pare/core'
import magnitude from '@pare/criterion-magnitude'
import { benchModels } from '@pare/evaluate'
import { openModel, writeModel } from '@pare/onnx'
import channel from '@pare/structure-channel'
import head from '@pare/structure-head'
import neuron from '@pare/structure-neuron'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = `${root}bench/out/`
const channels = (ratio, multipleOf) => [{ structure: channel(), ratio, multipleOf }]
// Heads stay whole: what is left of them is a multiple of the width of one head anyway.
const transformer = (ratio, multipleOf) => [
  { structure: head(), ratio },
  { structure: neuron(), ratio, multipleOf },
]
const models = {
  'mnist-resnet20-bn': { cut: channels },
  'mnist-mobilenet-folded': { cut: channels },
  'kjv-bert': { cut: transformer, dims: { seq: 96 } },
  'lm-llama': { cut: transformer, dims: { seq: 128 } },
}
const wanted = process.argv.slice(2)
await mkdir(folder, { recursive: true })
const rows = []
for (const [name, { cut, dims = {} }] of Object.entries(models)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const path = [`${root}test-models/${name}.onnx`, `${root}../shared/models/${name}.onnx`].find(existsSync)
  for (const ratio of [0.25, 0.5, 0.75])
    for (const multipleOf of [1, 8]) rows.push(await row({ name, path, dims, ratio, multipleOf }, cut(ratio, multipleOf)))
}
console.table(rows)

async function row({ name, path, dims, ratio, multipleOf }, cuts) {
  const file = await openModel(path)
  const steps = cuts.map(({ ratio, ...cut }) => ({ ...cut, criterion: magnitude(), target: { ratio } }))
  const planned = await makePlan(file.model, steps, { seed: 1 })
  const pruned = await applyPlan(file.model, { seed: 1, steps: planned.steps })
  const out = `${folder}latency.onnx`
  await writeModel(pruned, out)
  const macs = (await countMacs(pruned)) / (await countMacs(file.model))
  await file[Symbol.asyncDispose]()
  const { cases } = await benchModels({ reference: path, pruned: out, dims, seconds: 1.5 })
  await rm(out)
  const times = cases.map(({ threads, batch, referenceMs, prunedMs, speedup, verdict }) => [
    `${threads} × ${batch}`,
    `${referenceMs.toPrecision(3)} → ${prunedMs.toPrecision(3)} ms: ${speedup.value.toFixed(2)} (${speedup.interval.map((x) => x.toFixed(2)).join('–')})${verdict === 'slower' ? ' SLOWER' : ''}`,
  ])
  return { name, ratio, multipleOf, MACs: macs.toFixed(2), ...Object.fromEntries(times) }
}
