import { hyphened, numberOf, type Option, type OptionValues, overridesOf, readText } from '@pare/cli/options'
import { ActionFailure, messageOf } from './failure.js'
import { CHOICES, inputTable, SHARED } from './input-table.js'

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
  readonly task: ActionTask
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

/** What a step is to do. */
export type ActionTask =
  | { readonly kind: 'run' }
  | { readonly kind: 'shard'; readonly index: number; readonly count: number }
  | { readonly kind: 'plan'; readonly shards: number }
  /** Paths start at the working directory. */
  | { readonly kind: 'merge'; readonly path: string }
  | { readonly kind: 'report'; readonly path: string }

/** What each mode needs besides, or may have. */
const OF_MODE = { run: 'shard', plan: 'shards', merge: 'shards-path', report: 'results' } as const

/** GitHub starts no more jobs for a matrix. */
const MOST_SHARDS = 256

type Env = Readonly<Record<string, string | undefined>>

/** Where inputs come from, and where what is wrong with them goes. */
interface Reader {
  readonly env: Env
  readonly problems: string[]
}

/** The inputs in `env` (`INPUT_MAX-DROP` …). Throws one usage Failure that lists everything wrong with them. */
export function readInputs(env: Env): ActionInputs {
  const from: Reader = { env, problems: [] }
  const inputs: ActionInputs = {
    run: readRunInputs(from),
    task: readTask(from),
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
  const { reuse } = inputs.run.values
  if (reuse !== undefined && inputs.task.kind !== 'run' && inputs.task.kind !== 'shard')
    problems.push(`'reuse' is '${String(reuse)}', which takes over what earlier runs made: it belongs to mode run`)
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

function readTask(from: Reader): ActionTask {
  const { env, problems } = from
  const mode = choice(from, 'mode', CHOICES.mode, 'run')
  for (const [other, name] of Object.entries(OF_MODE)) {
    const value = input(env, name)
    if (other !== mode && value !== undefined)
      problems.push(`'${name}' is '${value}', and 'mode' is ${mode}: it belongs to mode ${other}`)
  }
  const name = OF_MODE[mode]
  const value = input(env, name)
  if (mode === 'run') return value === undefined ? { kind: 'run' } : readShard(value, problems)
  if (value === undefined) problems.push(`'mode' is ${mode}, and '${name}' is missing: ${inputTable()[name]!.description}`)
  if (mode !== 'plan') return { kind: mode, path: value ?? '' }
  const shards = Number(value ?? 1)
  if (!(Number.isInteger(shards) && shards >= 1 && shards <= MOST_SHARDS))
    problems.push(`'shards' is '${value}', expected a whole number from 1 to ${MOST_SHARDS}`)
  return { kind: 'plan', shards }
}

function readShard(value: string, problems: string[]): ActionTask {
  const [, index, count] = (/^([1-9]\d*)\/([1-9]\d*)$/.exec(value) ?? []).map(Number)
  if (index === undefined || count === undefined || index > count || count > MOST_SHARDS)
    problems.push(`'shard' is '${value}', expected from 1/8 to 8/8, of at most ${MOST_SHARDS}`)
  return { kind: 'shard', index: index ?? 1, count: count ?? 1 }
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
