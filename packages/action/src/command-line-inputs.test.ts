import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { main } from '@pare/cli'
import { describe, expect, it } from 'vitest'
import { providerSettings, readInputs, recoverSettings, targetKinds } from './inputs.js'
import { argumentsOf } from './workspace-engine.js'

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly enum?: readonly string[]
}

/** What a config may say: the command line publishes it. */
const schema = JSON.parse(readFileSync(fileURLToPath(import.meta.resolve('@pare/cli/config.schema.json')), 'utf8')) as Schema
const top = schema.properties!
const step = top.prune!.anyOf!.find(({ items }) => items !== undefined)!.items!
const targets = step.properties!.target!.anyOf!.flatMap(({ properties = {} }) => Object.keys(properties))
const read = (given: Readonly<Record<string, string>>) =>
  readInputs(Object.fromEntries(Object.entries(given).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]))).run

describe('what the command line takes, the action takes', () => {
  it('targets: those that have an input of their own, and those of the input target', () => {
    const own = ['sparsity', 'threshold', 'ratio']
    expect([...own, ...targetKinds].sort()).toEqual([...targets].sort())
    for (const name of own) expect(read({ [name]: '0.5' })).toEqual({ models: [], [name]: 0.5 })
    for (const kind of targetKinds) expect(read({ target: `${kind}=0.5` }).target).toEqual({ kind, fraction: 0.5 })
  })

  it('execution providers', () => {
    expect(providerSettings).toEqual(top.provider!.enum)
  })

  it('ways to recover, of which the command line also takes two at once', () => {
    const words = top.recover!.anyOf!.flatMap(({ enum: names = [] }) => names)
    expect([...recoverSettings].sort()).toEqual([...words, 'repair,retrain'].sort())
  })

  it.each([
    ...targets.map(
      (kind): Readonly<Record<string, string>> =>
        ['sparsity', 'threshold', 'ratio'].includes(kind)
          ? { [kind]: '0.5', structure: kind === 'ratio' ? 'neuron' : 'element' }
          : { target: `${kind}=0.5`, structure: 'neuron' },
    ),
    ...recoverSettings.map((recover) => ({ recover })),
    ...providerSettings.map((provider) => ({ provider })),
    { 'max-drop': 'relative=0.01' },
    { 'allow-worthless-reference': 'true' },
    { 'allow-worthless-reference': 'false' },
  ])('%j becomes options that it knows', async (given) => {
    const written: string[] = []
    const io = {
      stdout: { write: () => true },
      stderr: { write: (text: string) => written.push(text) > 0 },
      env: {},
      cwd: import.meta.dirname,
      signal: new AbortController().signal,
      now: Date.now,
    }
    // There is no such model, and that is all that is wrong, beside data that recovery lacks.
    const argv = argumentsOf({ ...read(given), models: ['none.onnx'] }, 'nowhere')
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
