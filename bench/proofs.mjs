// node bench/proofs.mjs [MODEL.onnx …]: every structure on every model (default: ../shared/models where it is there, else test-models), at four
// ratios: the largest difference between the cut model and the whole one with the same units gated, over two sizes.
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { applyPlan, gatePlan, makePlan } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { openModel } from '@pare/onnx'
import { channel } from '@pare/structure-channel'
import { head } from '@pare/structure-head'
import { hidden } from '@pare/structure-hidden'
import { layer } from '@pare/structure-layer'
import { neuron } from '@pare/structure-neuron'
import { compared } from '../packages/cli/dist/proof/prove.js'

const RATIOS = [0.1, 0.25, 0.5, 0.75]
const structures = [channel(), neuron(), head(), layer(), hidden()]
const work = {
  label: 'proof',
  step: 'cut',
  engine: {},
  signal: new AbortController().signal,
  progress: { note() {}, begin: () => ({ update() {}, end() {} }) },
}
console.log(`${'model'.padEnd(28)}${'structure'.padEnd(10)}${'units'.padStart(7)}  difference at ${RATIOS.join(', ')}`)
let failed = false
for (const path of await models()) {
  const { model } = await openModel(path)
  for (const structure of structures) await prove(basename(path, '.onnx'), model, structure)
}
process.exitCode = failed ? 1 : 0

async function prove(name, model, structure) {
  const found = []
  let units = 0
  for (const ratio of RATIOS) {
    const planned = await makePlan(model, [{ structure, criterion: magnitude(), target: { ratio } }], { seed: 1 }).catch(
      (error) => {
        if (!/finds nothing/.test(error.message)) throw error
      },
    )
    if (planned === undefined) return
    const [step] = planned.steps
    units = step.groups.reduce((total, group) => total + group.units, 0)
    const expected = await gatePlan(model, step)
    const cut = await applyPlan(model, { seed: 1, steps: planned.steps })
    const difference = await compared(expected, cut, 1e-4, work).then(
      ({ relative }) => relative,
      (error) => error.message,
    )
    if (!(difference < 1e-4)) failed = true
    found.push(typeof difference === 'number' ? difference.toExponential(1) : `FAILED: ${difference}`)
  }
  console.log(`${name.padEnd(28)}${structure.name.padEnd(10)}${String(units).padStart(7)}  ${found.join('  ')}`)
}

async function models() {
  if (process.argv.length > 2) return process.argv.slice(2)
  const shared = fileURLToPath(new URL('../../shared/models/', import.meta.url))
  const root = existsSync(shared) ? shared : fileURLToPath(new URL('../test-models/', import.meta.url))
  const list = async (under) =>
    (await readdir(join(root, under))).filter((file) => file.endsWith('.onnx')).map((file) => join(root, under, file))
  return [...(await list('')), ...(await list('untrained'))]
}
