import { dirname, extname, join, resolve } from 'node:path'
import type { ChildOptions, EvaluateRequest } from '@pare/evaluate'
import type { Limits } from '@pare/gate'
import { isFile, showPath } from '../files/paths.js'
import { type Problem, untrusted } from '../terminal/failure.js'
import { formatValue } from '../terminal/format.js'
import type { EvaluateConfig } from './config.js'
import { evaluateOverrides, type Overrides, present } from './settings.js'
import { isWrittenInside, refuseOutside } from './workspace.js'

/** How a model is measured. The paths are absolute; the gate looks at the first metric. */
export interface Evaluation {
  readonly request: Omit<EvaluateRequest, 'model' | 'reference'>
  readonly limits: Pick<ChildOptions, 'timeoutMs' | 'memoryLimitBytes'>
  /** Whether both models are timed, also where that is not limited. */
  readonly latency: boolean
}

export interface EvaluationSource {
  readonly cwd: string
  /** Paths of the config start here. */
  readonly folder: string
  readonly overrides: Overrides
  readonly trusted: boolean
  /** Of a checkout that is not trusted: files must lie in it, behind all links. Default: files may be anywhere */
  readonly workspace?: string | undefined
  /** Collects. */
  readonly problems: Problem[]
}

/** Undefined where nothing says what to measure with, or after a problem that is noted. */
export async function readEvaluation(
  config: EvaluateConfig | undefined,
  place: string,
  source: EvaluationSource,
): Promise<Evaluation | undefined> {
  const { overrides, cwd, trusted } = source
  if (config === undefined && overrides.data === undefined) return undefined
  const data = await readPath(
    { own: config?.data, override: overrides.data, place: at(place, 'data'), what: 'evaluation data' },
    source,
  )
  const tokenizer = await readPath(
    { own: config?.tokenizer, override: overrides.tokenizer, place: at(place, 'tokenizer'), what: 'tokenizer' },
    source,
  )
  const fields = { ...config, ...evaluateOverrides(overrides) }
  if (tokenizer === undefined) source.problems.push(...strayTextOptions(fields, place))
  const metrics = await readMetrics(fields.metric, at(place, 'metric'), { tokenizer, data, problems: source.problems })
  if (data === undefined || metrics === undefined) return undefined
  if (!trusted && MODULES.test(data)) {
    throw untrusted(
      `pare: data set ${showPath(data, cwd)} would be run, and code of this checkout is not trusted.`,
      'write it as .npz, .npy, .jsonl or .csv',
    )
  }
  const { batch, threads, label, output, timeout, memory, latency = false } = fields
  return {
    request: { data, metrics, trusted, ...present({ batch, threads, label, output, text: textOf(tokenizer, fields) }) },
    limits: present({
      timeoutMs: timeout === undefined ? undefined : timeout * 1000,
      memoryLimitBytes: memory === undefined ? undefined : memory * 2 ** 20,
    }),
    latency,
  }
}

/** Data that are run. */
export const MODULES = /\.[cm]?[jt]s$/

/** The limits that hold for the gate's metric. Default: a drop of 0.01, relative where the metric has no fixed range. */
export async function readLimits(
  given: Limits | undefined,
  { metric, place, source }: { metric: string | undefined; place: string; source: EvaluationSource },
): Promise<Limits | undefined> {
  const { validateLimits } = await import('@pare/gate')
  const { bounded } = metric === undefined ? { bounded: true } : (await import('@pare/evaluate')).findMetric(metric)
  const limits =
    given !== undefined && !isAllowanceOnly(given) ? given : { ...given, maxDrop: bounded ? 0.01 : { relative: 0.01 } }
  const wrong = validateLimits(limits, metric === undefined ? undefined : { metric, bounded })
  for (const { at: limit, message, hint } of wrong) {
    // What came from an option is cured there.
    const option = limit === 'maxDrop' && typeof source.overrides.gate?.maxDrop === 'number'
    const cure = option ? `${hint}; as an option: --max-drop relative=${limits.maxDrop}` : hint
    source.problems.push({ place: limit === '' ? place : at(place, limit), message: `${message}.`, hint: cure })
  }
  return wrong.length > 0 ? undefined : limits
}

/** Allowing a worthless reference is no limit: the default one still holds. */
function isAllowanceOnly(gate: Limits): boolean {
  const fields = Object.keys(gate)
  return fields.length === 1 && fields[0] === 'allowWorthlessReference'
}

async function readMetrics(
  written: string | string[] | undefined,
  place: string,
  { tokenizer, data, problems }: { tokenizer: string | undefined; data: string | undefined; problems: Problem[] },
): Promise<readonly string[] | undefined> {
  const { findMetric, mayBeText, METRIC_NAMES } = await import('@pare/evaluate')
  const isText = data !== undefined && (tokenizer === undefined ? extname(data) === '.txt' : mayBeText(data))
  const metrics = written === undefined ? [isText ? 'perplexity' : 'accuracy'] : typeof written === 'string' ? [written] : written
  const { suggest } = await import('./suggest.js')
  const unknown = metrics.filter((metric) => {
    try {
      return findMetric(metric) === undefined
    } catch {
      return true
    }
  })
  for (const metric of unknown) {
    const meant = suggest(metric, METRIC_NAMES)
    const known = `metrics: ${METRIC_NAMES.join(', ')}`
    problems.push({
      place,
      message: `metric '${metric}' is unknown.`,
      hint: meant === undefined ? known : `did you mean '${meant}'? ${known}`,
    })
  }
  return unknown.length > 0 ? undefined : metrics
}

export function textOf(
  tokenizer: string | undefined,
  { length, stride, field }: Pick<EvaluateConfig, 'length' | 'stride' | 'field'>,
): EvaluateRequest['text'] {
  return tokenizer === undefined ? undefined : { tokenizer, ...present({ length, stride, field }) }
}

/** Options of text without a tokenizer would do nothing. */
export function strayTextOptions(
  { length, stride, field }: Pick<EvaluateConfig, 'length' | 'stride' | 'field'>,
  place: string,
): readonly Problem[] {
  return Object.entries(present({ length, stride, field })).map(([key, value]) => ({
    place: at(place, key),
    message: `is ${formatValue(value)}, but the data are not read as text.`,
    hint: "name a tokenizer: tokenizer: 'tokenizer.json'",
  }))
}

function at(place: string, key: string): string {
  return place === '' ? key : `${place}.${key}`
}

/** The absolute path of a file that the config or an override names, if either does. */
export async function readPath(
  { own, override, place, what }: { own: string | undefined; override: string | undefined; place: string; what: string },
  { problems, cwd, folder, workspace }: EvaluationSource,
): Promise<string | undefined> {
  const written = override ?? own
  if (written === undefined) {
    if (what !== 'tokenizer')
      problems.push({ place, message: `is missing: no ${what}.`, hint: "name a data file: data: 'val.npz'" })
    return undefined
  }
  const path = override === undefined ? resolve(folder, written) : resolve(cwd, written)
  // Whoever gives options or inputs may name files elsewhere; the checkout may not put a link in the place of one of its own.
  if (workspace !== undefined && (override === undefined || isWrittenInside(path, workspace))) {
    await refuseOutside(path, `${what} '${written}'`, workspace)
    if (what === 'tokenizer')
      await refuseOutside(join(dirname(path), 'tokenizer_config.json'), `what is beside ${what} '${written}'`, workspace)
  }
  if (await isFile(path)) return path
  problems.push({
    place,
    message: `${what} '${written}' is not a file (looked for ${path}).`,
    hint: 'check the path; with Git LFS, run: git lfs pull',
  })
  return undefined
}
