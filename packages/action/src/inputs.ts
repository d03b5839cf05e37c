import { Failure } from './failure.js'
import { type TrustSetting, trustSettings } from './trust.js'

export const failOnSettings = ['regression', 'error', 'never'] as const
export const commentSettings = ['never', 'on-failure', 'on-change', 'always'] as const
export const uploadSettings = ['none', 'report', 'models'] as const

export const recoverSettings = ['none', 'repair', 'retrain', 'repair,retrain'] as const

export const providerSettings = ['cpu', 'cuda', 'webgpu', 'dml', 'coreml'] as const

export const targetKinds = ['macs', 'parameters', 'bytes', 'latency'] as const

export type TargetKind = (typeof targetKinds)[number]
export type FailOn = (typeof failOnSettings)[number]
export type CommentSetting = (typeof commentSettings)[number]
export type UploadSetting = (typeof uploadSettings)[number]

/** What a run may be told besides its config. Absent: the config decides, then the built-in default. */
export interface RunInputs {
  readonly config?: string
  /** Paths from the working directory. Empty: those of the config. */
  readonly models: readonly string[]
  readonly data?: string
  readonly metric?: string
  readonly criterion?: string
  readonly structure?: string
  /** Zeros ÷ elements over the eligible weights, between 0 and 1. */
  readonly sparsity?: number
  /** Elements of lower saliency become zero. */
  readonly threshold?: number
  /** Removed units ÷ all units, between 0 and 1, for structures that cut. */
  readonly ratio?: number
  /** The fraction that may remain of one of these, above 0 and up to 1, for structures that cut. */
  readonly target?: { readonly kind: TargetKind; readonly fraction: number }
  /** Path of calibration data. */
  readonly calibrate?: string
  /** Path of training data, for retraining. */
  readonly train?: string
  /** What is done about what is left of a model. */
  readonly recover?: (typeof recoverSettings)[number]
  /** Where ONNX Runtime computes. */
  readonly provider?: (typeof providerSettings)[number]
  /** Absolute, or a fraction of the reference's value. */
  readonly maxDrop?: number | { readonly relative: number }
  /** Whether a model passes whose reference is no better than an answer that ignores the input. */
  readonly allowWorthlessReference?: boolean
}

/** Everything the workflow says in `with:`. */
export interface Inputs {
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
export function readInputs(env: Env): Inputs {
  const from: Reader = { env, problems: notYetProblems(env) }
  const inputs: Inputs = {
    run: readRunInputs(from),
    workingDirectory: input(env, 'working-directory') ?? '.',
    failOn: choice(from, 'fail-on', failOnSettings, 'regression'),
    trust: choice(from, 'trust', trustSettings, 'auto'),
    comment: choice(from, 'comment', commentSettings, 'never'),
    upload: choice(from, 'upload', uploadSettings, 'report'),
    artifactName: artifactName(from),
    ...defined('retentionDays', retentionDays(from)),
    ...defined('onnxruntimePath', input(env, 'onnxruntime-path')),
    ...defined('token', input(env, 'github-token')),
  }
  const { problems } = from
  if (problems.length === 0) return inputs
  throw new Failure(
    'usage',
    `action: ${problems.length === 1 ? 'one input is' : `${problems.length} inputs are`} wrong:\n${bullets(problems)}`,
    { hint: "correct the 'with:' of this step; the inputs are described in packages/action/README.md" },
  )
}

function readRunInputs(from: Reader): RunInputs {
  const { env } = from
  refuseTwoTargets(from)
  const lines = (input(env, 'models') ?? '').split('\n').map((line) => line.trim())
  return {
    models: lines.filter((line) => line !== ''),
    ...defined('config', input(env, 'config')),
    ...defined('data', input(env, 'data')),
    ...defined('metric', input(env, 'metric')),
    ...defined('criterion', input(env, 'criterion')),
    ...defined('structure', input(env, 'structure')),
    ...defined('sparsity', fraction(from, 'sparsity')),
    ...defined('threshold', threshold(from)),
    ...defined('ratio', fraction(from, 'ratio')),
    ...defined('target', target(from)),
    ...defined('calibrate', input(env, 'calibrate')),
    ...defined('train', input(env, 'train')),
    ...defined('recover', input(env, 'recover') === undefined ? undefined : choice(from, 'recover', recoverSettings, 'none')),
    ...defined('provider', input(env, 'provider') === undefined ? undefined : choice(from, 'provider', providerSettings, 'cpu')),
    ...defined('maxDrop', maxDrop(from)),
    ...defined('allowWorthlessReference', yesOrNo(from, 'allow-worthless-reference')),
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
  const found = allowed.find((option) => option === value)
  if (value !== undefined && found === undefined) problems.push(`'${name}' is '${value}', expected ${allowed.join(', ')}`)
  return found ?? fallback
}

function yesOrNo({ env, problems }: Reader, name: string): boolean | undefined {
  const value = input(env, name)
  if (value === undefined) return undefined
  if (/^true$/i.test(value)) return true
  if (/^false$/i.test(value)) return false
  problems.push(`'${name}' is '${value}', expected true or false`)
  return undefined
}

function fraction({ env, problems }: Reader, name: string): number | undefined {
  const value = input(env, name)
  if (value === undefined) return undefined
  const number = plainNumber(value)
  if (number >= 0 && number <= 1) return number
  problems.push(`'${name}' is '${value}', expected a number from 0 to 1${percentHint(value, (share) => share)}`)
  return undefined
}

function threshold({ env, problems }: Reader): number | undefined {
  const value = input(env, 'threshold')
  if (value === undefined) return undefined
  const number = plainNumber(value)
  if (number > 0 && Number.isFinite(number)) return number
  problems.push(`'threshold' is '${value}', expected a number above 0, such as 0.01`)
  return undefined
}

/** `macs=0.5`: at most half of the multiply-accumulates remain. */
function target({ env, problems }: Reader): RunInputs['target'] {
  const value = input(env, 'target')
  if (value === undefined) return undefined
  const [, name, digits = ''] = /^(\w+)\s*=(.*)$/s.exec(value) ?? []
  const kind = targetKinds.find((each) => each === name)
  const fraction = plainNumber(digits)
  if (kind !== undefined && fraction > 0 && fraction <= 1) return { kind, fraction }
  problems.push(
    `'target' is '${value}', expected ${targetKinds.map((each) => `${each}=0.5`).join(', ')}: the fraction that may remain, above 0 and up to 1`,
  )
  return undefined
}

function refuseTwoTargets({ env, problems }: Reader): void {
  const given = ['sparsity', 'threshold', 'ratio', 'target'].filter((name) => input(env, name) !== undefined)
  if (given.length > 1) problems.push(`${given.map((name) => `'${name}'`).join(' and ')} contradict each other: give one of them`)
}

/** `0.01`: absolute. `relative=0.01`: a fraction of the reference's value. */
function maxDrop({ env, problems }: Reader): RunInputs['maxDrop'] {
  const value = input(env, 'max-drop')
  if (value === undefined) return undefined
  const [, relative, digits = ''] = /^(relative\s*=)?(.*)$/s.exec(value) ?? []
  const number = plainNumber(digits)
  if (Number.isFinite(number)) return relative === undefined ? number : { relative: number }
  const hint = percentHint(value, (share) => `${share} or relative=${share}`)
  problems.push(
    `'max-drop' is '${value}', expected 0.01 (absolute, for metrics from 0 to 1) or relative=0.01 (a fraction of the reference)${hint}`,
  )
  return undefined
}

/** NaN for anything but digits as people write them: '1e-3', '.5', '0.5'. */
function plainNumber(text: string): number {
  return /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim()) ? Number(text) : Number.NaN
}

function percentHint(value: string, write: (share: number) => string | number): string {
  const percent = /^(?:relative\s*=)?\s*([\d.]+)\s*%$/.exec(value)?.[1]
  return percent === undefined ? '' : `: for ${percent} % write ${write(Number((Number(percent) / 100).toPrecision(12)))}`
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
  const days = plainNumber(value)
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
