import { hyphened, numberOf, type Option, type OptionValues, overridesOf, readText } from '@pare/cli/options'
import { ActionFailure, messageOf } from './failure.js'
import { CHOICES, SHARED } from './input-table.js'

export type FailOn = (typeof CHOICES)['fail-on'][number]
export type CommentSetting = (typeof CHOICES)['comment'][number]
export type UploadSetting = (typeof CHOICES)['upload'][number]
export type TrustSetting = (typeof CHOICES)['trust'][number]

/** What a run may be told besides its config. What is absent, the config decides, then the built-in default. */
export interface RunInputs {
  /** Paths from the working directory. Empty: those of the config. */
  readonly models: readonly string[]
  /** Of the options of `pare run`, by name. */
  readonly values: OptionValues
  /** The same as the workflow writes them. */
  readonly texts: ReadonlyMap<Option, string>
}

/** Everything the workflow says in `with:`. */
export interface ActionInputs {
  readonly run: RunInputs
  /** From the workspace. Default: '.'. */
  readonly workingDirectory: string
  /** Default: 'regression'. */
  readonly failOn: FailOn
  /** Default: 'auto'. */
  readonly trust: TrustSetting
  /** Default: 'never'. */
  readonly comment: CommentSetting
  /** Default: 'report'. */
  readonly upload: UploadSetting
  readonly artifactName: string
  /** Days. Default: what the repository says. */
  readonly retentionDays?: number
  /** Folder of an onnxruntime-node package. */
  readonly onnxruntimePath?: string
  readonly token?: string
}

/** Inputs that are declared and answer with an error until the engine can do what they ask. */
const notYet: Readonly<Record<string, string>> = {
  shard: 'runs spread over several jobs',
}

type Env = Readonly<Record<string, string | undefined>>

/** Where inputs come from, and where what is wrong with them goes. */
interface Reader {
  readonly env: Env
  readonly problems: string[]
}

/** The inputs in `env` (`INPUT_MAX-DROP` …). Throws one usage Failure that lists everything wrong with them. */
export function readInputs(env: Env): ActionInputs {
  const from: Reader = { env, problems: notYetProblems(env) }
  const inputs: ActionInputs = {
    run: readRunInputs(from),
    workingDirectory: input(env, 'working-directory') ?? '.',
    failOn: choice(from, 'fail-on', CHOICES['fail-on'], 'regression'),
    trust: choice(from, 'trust', CHOICES.trust, 'auto'),
    comment: choice(from, 'comment', CHOICES.comment, 'never'),
    upload: choice(from, 'upload', CHOICES.upload, 'report'),
    artifactName: artifactName(from),
    ...defined('retentionDays', retentionDays(from)),
    ...defined('onnxruntimePath', input(env, 'onnxruntime-path')),
    ...defined('token', input(env, 'github-token')),
  }
  const { problems } = from
  if (problems.length === 0) return inputs
  throw new ActionFailure(
    'usage',
    `action: ${problems.length === 1 ? 'one input is' : `${problems.length} inputs are`} wrong:\n${bullets(problems)}`,
    { hint: "correct the 'with:' of this step; the inputs are described in packages/action/README.md" },
  )
}

function readRunInputs({ env, problems }: Reader): RunInputs {
  const lines = (input(env, 'models') ?? '').split('\n').map((line) => line.trim())
  const texts = new Map<Option, string>()
  const values: Record<string, unknown> = {}
  for (const option of SHARED) {
    const name = hyphened(option.name)
    const text = input(env, name)
    if (text === undefined) continue
    const meaning = readText(text, option)
    if ('value' in meaning) {
      texts.set(option, text)
      values[option.name] = meaning.value
    } else {
      const hint = meaning.hint === undefined ? '' : `: ${meaning.hint}`
      problems.push(`'${name}' is '${text}', expected ${meaning.expected}${hint}`)
    }
  }
  problems.push(...contradictions(values))
  return { models: lines.filter((line) => line !== ''), values, texts }
}

/** Inputs that say the same thing in two ways. */
function contradictions(values: OptionValues): readonly string[] {
  try {
    overridesOf('run', values)
    return []
  } catch (error) {
    return [
      messageOf(error)
        .replace(/^pare: /, '')
        .replaceAll('--', ''),
    ]
  }
}

/** GitHub's own rule: the name in upper case, spaces as underscores, hyphens kept. An input left out arrives as ''. */
function input(env: Env, name: string): string | undefined {
  return env[`INPUT_${name.toUpperCase()}`]?.trim() || undefined
}

function notYetProblems(env: Env): string[] {
  const problems = Object.entries(notYet).flatMap(([name, what]) => {
    const value = input(env, name)
    return value === undefined ? [] : [`'${name}' is '${value}', but this version has no ${what} yet: remove the input`]
  })
  const mode = input(env, 'mode')
  if (mode !== undefined && mode !== 'run')
    problems.push(`'mode' is '${mode}', but this version can only run: write run, or remove the input`)
  return problems
}

function choice<Value extends string>(
  { env, problems }: Reader,
  name: string,
  allowed: readonly [Value, ...Value[]],
  fallback: Value,
): Value {
  const value = input(env, name)
  const option = allowed.find((option) => option === value)
  if (value !== undefined && option === undefined) problems.push(`'${name}' is '${value}', expected ${allowed.join(', ')}`)
  return option ?? fallback
}

/** What artifact storage refuses in a name: https://github.com/actions/toolkit, validateArtifactName. */
function artifactName({ env, problems }: Reader): string {
  const name = input(env, 'artifact-name') ?? `pare-${env.GITHUB_JOB ?? 'run'}`
  const bad = [...'":<>|*?\r\n\\/'].filter((character) => name.includes(character))
  if (bad.length > 0)
    problems.push(
      `'artifact-name' is '${name}', which may not contain ${bad.map((character) => JSON.stringify(character)).join(' ')}`,
    )
  return name
}

function retentionDays({ env, problems }: Reader): number | undefined {
  const value = input(env, 'retention-days')
  if (value === undefined) return undefined
  const days = numberOf(value)
  if (Number.isInteger(days) && days >= 1 && days <= 400) return days
  problems.push(`'retention-days' is '${value}', expected a whole number of days from 1 to 400 (90 on most plans)`)
  return undefined
}

function bullets(lines: readonly string[]): string {
  return lines.map((line) => `  - ${line}`).join('\n')
}

/** `{ [key]: value }`, or nothing where the value is undefined. */
function defined<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [K in Key]?: Value }
}
