import { main } from '@pare/cli'
import { describe, expect, it } from 'vitest'
import { argumentsOf } from './engine/workspace-engine.js'
import { inputTable, SHARED } from './input-table.js'
import { readInputs } from './inputs.js'

const read = (inputs: Readonly<Record<string, string>>) =>
  readInputs(Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]))).run

/** Texts that mean something, by the name of the input. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  recover: ['none', 'repair', 'blocks', 'retrain', 'repair,retrain', 'repair,blocks'],
  provider: ['cpu', 'cuda', 'webgpu', 'dml', 'coreml'],
  target: ['macs=0.5', 'parameters=0.5', 'bytes=0.5', 'latency=0.5', 'max-drop=0.01'],
  'max-drop': ['0.01', 'relative=0.01'],
  'allow-worthless-reference': ['true', 'false'],
  lock: ['true', 'false'],
  badge: ['true', 'false'],
  'carry-forward': ['true', 'false'],
  quantise: ['int8', 'int8-static:range=mse,smooth=search', 'int8-weights', 'int4', 'int4:block=64,rounding=gptq', 'f16'],
  baselines: ['int8', 'int8,int4'],
  minutes: ['5'],
  examples: ['dev.jsonl'],
  'max-tokens': ['32'],
  stop: ['\\n'],
  temperature: ['0.8'],
  'top-p': ['0.95'],
  quantisers: ['none,int8'],
  storage: ['sparse', 'dense'],
  smallest: ['bytes', 'macs', 'parameters'],
  sparsity: ['0.5'],
  threshold: ['0.5'],
  ratio: ['0.5'],
  mask: ['keep'],
  masks: ['npz', 'safetensors'],
}
const FILES = ['config', 'data', 'calibrate', 'train', 'metric', 'criterion', 'structure', 'group', 'slice', 'search-data']

describe('what the command line takes, the action takes', () => {
  it('and nothing is forgotten here', () => {
    expect([...Object.keys(TEXTS), ...FILES].sort()).toEqual(
      Object.keys(inputTable())
        .filter((name) => SHARED.some((option) => name === option.name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)))
        .sort(),
    )
  })

  it.each(
    Object.entries(TEXTS).flatMap(([name, texts]) => texts.map((text) => [name, text] as const)),
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
