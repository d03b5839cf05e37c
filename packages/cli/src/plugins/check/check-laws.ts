import { readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { makeTemporaryFolder } from '@pare/onnx'
import type { PluginKind } from '../plugin-reference.js'
import { fails, type PluginFinding, passes, skips } from './finding.js'
import { resolveFrom, runTool, toolOf } from './installed-tool.js'

/** One law of the conformance suite, and whether the plugin keeps it. */
export interface LawOutcome {
  readonly law: string
  readonly status: 'pass' | 'fail' | 'skipped'
  /** What went wrong, in the words of the suite. */
  readonly message?: string
}

export interface LawsCheck {
  readonly finding: PluginFinding
  readonly laws: readonly LawOutcome[]
}

export interface LawsRequest {
  /** Where vitest and @pare/testing are installed. */
  readonly folder: string
  readonly kind: PluginKind
  readonly short: string
  readonly plugin: object
  /** The file, and which of its exports makes the plugin. */
  readonly code: string
  readonly exported: string
  readonly options: Readonly<Record<string, unknown>>
  readonly signal: AbortSignal
}

/** Runs the suite of the plugin's kind, from @pare/testing, in a process of its own. */
export async function checkLaws(request: LawsRequest): Promise<LawsCheck> {
  const { folder, signal } = request
  const vitest = toolOf(folder, { name: 'vitest', file: 'vitest.mjs' })
  const testing = resolveFrom(folder, '@pare/testing')
  if (vitest === undefined || testing === undefined) {
    const absent = [...(testing === undefined ? ['@pare/testing'] : []), ...(vitest === undefined ? ['vitest'] : [])]
    const message = `the laws of its kind were not tried: ${absent.join(' and ')} ${absent.length > 1 ? 'are' : 'is'} not installed here.`
    return { finding: skips('laws', message, `npm install --save-dev ${absent.join(' ')}`), laws: [] }
  }
  const place = await realpath(makeTemporaryFolder('laws'))
  try {
    await writeFile(join(place, 'laws.test.mjs'), suiteOf(request, testing))
    await writeFile(join(place, 'vitest.config.mjs'), CONFIG)
    const output = join(place, 'laws.json')
    const args = [
      'run',
      '--root',
      place,
      '--config',
      join(place, 'vitest.config.mjs'),
      '--reporter',
      'json',
      '--outputFile',
      output,
    ]
    const { stdout, stderr } = await runTool(vitest, args, { cwd: place, signal })
    return judged(await readFile(output, 'utf8').catch(() => undefined), `${stderr}${stdout}`)
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

const CONFIG = `export default { test: { include: ['laws.test.mjs'], testTimeout: 120_000 } }\n`

function suiteOf({ kind, short, plugin, code, exported, options }: LawsRequest, testing: string): string {
  const suite = suiteFor(kind, plugin)
  const url = (path: string) => JSON.stringify(pathToFileURL(path).href)
  const make = `() => module[${JSON.stringify(exported)}](${JSON.stringify(options)})`
  return `import * as module from ${url(code)}
import { ${suite} } from ${url(testing)}
${suite}(${kind === 'preset' ? `${JSON.stringify(short)}, ` : ''}${make})
`
}

/** The suite of @pare/testing that holds the laws of what a plugin is. */
function suiteFor(kind: PluginKind, plugin: { readonly kind?: string }): string {
  switch (kind) {
    case 'criterion':
      return CRITERION_SUITES[plugin.kind ?? 'elements'] ?? 'testCriterion'
    case 'structure':
      return plugin.kind === 'cut' ? 'testCutStructure' : 'testStructure'
    case 'preset':
      return 'testPreset'
    case 'metric':
      return 'testMetric'
    default:
      throw kind satisfies never
  }
}

const CRITERION_SUITES: Readonly<Record<string, string>> = {
  elements: 'testCriterion',
  units: 'testUnitCriterion',
  solver: 'testSolver',
  mask: 'testMaskCriterion',
}

/** What vitest's reporter 'json' says. */
interface Report {
  readonly testResults: readonly {
    readonly message?: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages?: readonly string[]
    }[]
  }[]
}

function judged(text: string | undefined, printed: string): LawsCheck {
  const report = text === undefined ? undefined : (JSON.parse(text) as Report)
  const laws = report?.testResults.flatMap(({ assertionResults }) => assertionResults.map(outcomeOf)) ?? []
  if (laws.length === 0) {
    const why = report?.testResults.find(({ message }) => message)?.message ?? printed.trim().split('\n').slice(0, 3).join(' ')
    return {
      finding: fails('laws', `the suite could not be run: ${why}`, 'check that @pare/testing is of the same version as pare.'),
      laws,
    }
  }
  const broken = laws.filter(({ status }) => status === 'fail').length
  const finding =
    broken === 0
      ? passes('laws', `${laws.length} laws hold`)
      : fails(
          'laws',
          `${broken} of ${laws.length} laws do not hold.`,
          'each is a test in npm test, where your tests run the suite.',
        )
  return { finding, laws }
}

function outcomeOf({
  fullName,
  status,
  failureMessages = [],
}: Report['testResults'][number]['assertionResults'][number]): LawOutcome {
  if (status === 'failed') return { law: fullName, status: 'fail', message: essence(failureMessages[0] ?? '') }
  return { law: fullName, status: status === 'passed' ? 'pass' : 'skipped' }
}

/** Of a long message what was found, and for which of the random cases. */
function essence(message: string): string {
  const lines = message.split('\n')
  const counterexample = lines.find((line) => line.startsWith('Counterexample:'))
  return [lines[0], ...(counterexample === undefined ? [] : [counterexample])].join('; ')
}
