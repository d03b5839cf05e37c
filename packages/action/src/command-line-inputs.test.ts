import { main } from '@pare/cli'
import { hyphened } from '@pare/cli/options'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { argumentsOf } from './engine/workspace-engine.js'
import { inputTable, SHARED } from './input-table.js'
import { readInputs } from './inputs.js'

const read = (inputs: Readonly<Record<string, string>>) =>
  readInputs(Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]))).run

/** Texts that mean something, by the name of the input, where its schema does not list them. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  recover: ['none', 'repair', 'blocks', 'retrain', 'repair,retrain', 'repair,blocks'],
  target: ['macs=0.5', 'parameters=0.5', 'bytes=0.5', 'latency=0.5', 'max-drop=0.01'],
  'max-drop': ['0.01', 'relative=0.01'],
  quantise: ['int8', 'int8-static:range=mse,smooth=search', 'int8-weights', 'int4', 'int4:block=64,rounding=gptq', 'f16'],
  baselines: ['int8', 'int8,int4'],
  minutes: ['5'],
  examples: ['dev.jsonl'],
  'max-tokens': ['32'],
  language: ['de', 'deu_Latn'],
  stop: ['\\n'],
  temperature: ['0.8'],
  'top-p': ['0.95'],
  quantisers: ['none,int8'],
  sparsity: ['0.5'],
  threshold: ['0.5'],
  ratio: ['0.5'],
  mask: ['keep'],
  reuse: ['.pare'],
}
const FILES = ['config', 'data', 'calibrate', 'train', 'metric', 'criterion', 'structure', 'group', 'slice', 'search-data']

const LISTED = SHARED.flatMap(({ name, argument, schema }) => {
  const texts = argument === undefined ? ['true', 'false'] : schema instanceof z.ZodEnum ? schema.options.map(String) : undefined
  return texts === undefined ? [] : [[hyphened(name), texts] as const]
})

describe('what the command line takes, the action takes', () => {
  it('and nothing is forgotten here', () => {
    const names = [...LISTED.map(([name]) => name), ...Object.keys(TEXTS), ...FILES]
    expect(names.sort()).toEqual(SHARED.map(({ name }) => hyphened(name)).sort())
    expect(Object.keys(inputTable())).toEqual(expect.arrayContaining(names))
  })

  it.each(
    [...LISTED, ...Object.entries(TEXTS)].flatMap(([name, texts]) => texts.map((text) => [name, text] as const)),
  )('%s: %s becomes an option that it knows', async (name, text) => {
    const written: string[] = []
    const io = {
      stdout: { write: () => true },
      stderr: { write: (line: string) => written.push(line) > 0 },
      env: {},
      cwd: import.meta.dirname,
      signal: new AbortController().signal,
      now: Date.now,
    }
    const structure = name === 'ratio' || name === 'target' ? { structure: 'neuron' } : {}
    // There is no such model, and that is all that is wrong, beside data that recovery lacks.
    const argv = argumentsOf(read({ [name]: text, ...structure, models: 'none.onnx' }), {
      folder: 'nowhere',
      task: { kind: 'run' },
    })
    const exitCode = await main(
      argv.filter((option) => option !== '--json'),
      io as Parameters<typeof main>[1],
    )
    expect({ exitCode, text: written.join('') }).toEqual({
      exitCode: 2,
      text: expect.stringContaining("model 'none.onnx' is not a file"),
    })
    expect(written.join('')).not.toMatch(/unknown option|expected|contradict|takes no/)
  })
})
