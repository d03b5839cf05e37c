import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type Model, readModel } from '@pare/onnx'
import { describe, expect, test } from 'vitest'
import type { Array64 } from './array.test.support.js'
import { Unsupported } from './call.test.support.js'
import { caseData, corpusCases, withoutCorpus } from './corpus.test.support.js'
import { evaluate64, operators } from './evaluate.test.support.js'
import { runtimeOutputs } from './onnxruntime.test.support.js'

/** The data divide by scale · size − 1, ONNX Runtime and newer data by the output's size − 1. */
const OTHERWISE_IN_ORT: ReadonlySet<string> = new Set(['test_resize_downsample_scales_linear_align_corners'])

interface Case {
  readonly name: string
  readonly model: Model
  readonly feeds: Readonly<Record<string, Array64>>
  readonly expected: readonly Array64[]
}

describe.skipIf(withoutCorpus)('every case of libonnx-testdata whose operators the evaluator has', () => {
  test('comes out as stated, and as ONNX Runtime computes it', { timeout: 300_000 }, async () => {
    const declined: Record<string, number> = {}
    const wrong: string[] = []
    let stated = 0
    let run = 0
    for (const each of await cases()) {
      const values = await evaluated(each)
      if (!(values instanceof Map)) {
        declined[values] = (declined[values] ?? 0) + 1
        continue
      }
      stated++
      if (!OTHERWISE_IN_ORT.has(each.name)) wrong.push(...differences(each, values, each.expected, 1e-3))
      const outputs = await outputsOf(each)
      if (outputs === undefined) continue
      run++
      wrong.push(...differences(each, values, outputs, 1e-5))
    }
    expect(wrong).toEqual([])
    expect(declined).toEqual({
      'Resize cubic or with antialias': 9,
      'Dropout that trains': 4,
      'broadcasting before version 7': 22,
    })
    expect({ stated, run }).toEqual({ stated: 852, run: 818 })
  })
})

async function cases(): Promise<Case[]> {
  const list: Case[] = []
  for (const folder of corpusCases()) {
    const model = await readModel(readFileSync(join(folder, 'model.onnx')))
    if (!model.graph.nodes.every(({ op }) => op in operators)) continue
    const [inputs, expected] = [await caseData(folder, 'input'), await caseData(folder, 'output')]
    if (inputs === undefined || expected === undefined) continue
    const { inputs: ins, outputs: outs } = model.graph
    // bfloat16 stands as uint16 in the data.
    const typed = inputs.every(({ type }, i) => type === ins[i]!.type) && expected.every(({ type }, i) => type === outs[i]!.type)
    if (!typed) continue
    const feeds = Object.fromEntries(inputs.map((input, i) => [ins[i]!.name, input]))
    list.push({ name: basename(folder), model, feeds, expected })
  }
  return list
}

async function evaluated({ model, feeds }: Case): Promise<Map<string, Array64> | string> {
  try {
    return await evaluate64(model, feeds)
  } catch (error) {
    if (error instanceof Unsupported) return error.message
    return `${error}`
  }
}

/** Undefined where ONNX Runtime has no kernel, or JavaScript no numbers for it. */
async function outputsOf({ model, feeds }: Case): Promise<readonly Array64[] | undefined> {
  try {
    const outputs = await runtimeOutputs(model, feeds)
    return model.graph.outputs.map(({ name }) => outputs.get(name)!)
  } catch {
    return undefined
  }
}

/** What differs by more than the tolerance, relative to the larger of 1 % and the value. */
function differences(
  { name, model }: Case,
  values: ReadonlyMap<string, Array64>,
  others: readonly Array64[],
  tolerance: number,
): string[] {
  return others.flatMap((other, i) => {
    const own = values.get(model.graph.outputs[i]!.name)!
    const allowed = /float16/.test(other.type) ? 1e-3 : tolerance
    const far = own.data.findIndex((value, at) => !near(value, other.data[at]!, allowed))
    const same = own.shape.join() === other.shape.join() && far < 0
    return same ? [] : [`${name}: ${own.shape}[${far}] ${own.data[far]}, expected ${other.shape} ${other.data[far]}`]
  })
}

function near(value: number, other: number, tolerance: number): boolean {
  return Object.is(value, other) || value === other || Math.abs(value - other) <= tolerance * Math.max(1e-2, Math.abs(other))
}
