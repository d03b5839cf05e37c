import { extname, resolve } from 'node:path'
import type { ChildOptions, EvaluateRequest } from '@pare/evaluate'
import type { Limits } from '@pare/gate'
import type { EvaluateConfig } from './config.js'
import { type Problem, untrusted } from './failure.js'
import { isFile, showPath } from './paths.js'
import { evaluateOverrides, type Overrides } from './settings.js'

/** How a model is measured. The paths are absolute; the gate looks at the first metric. */
export interface Evaluation {
  readonly request: Omit<EvaluateRequest, 'model' | 'reference'>
  readonly limits: Pick<ChildOptions, 'timeoutMs' | 'memoryLimitBytes'>
}

export interface EvaluationSource {
  readonly cwd: string
  /** Paths of the config start here. */
  readonly folder: string
  readonly overrides: Overrides
  readonly trusted: boolean
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
    { own: config?.data, override: overrides.data, place: `${place}.data`, what: 'evaluation data' },
    source,
  )
  const tokenizer = await readPath(
    { own: config?.tokenizer, override: overrides.tokenizer, place: `${place}.tokenizer`, what: 'tokenizer' },
    source,
  )
  const fields = { ...config, ...evaluateOverrides(overrides) }
  const metrics = await readMetrics(fields.metric, `${place}.metric`, { tokenizer, data, problems: source.problems })
  if (data === undefined || metrics === undefined) return undefined
  if (!trusted && MODULES.test(data)) {
    throw untrusted(
      `pare: data set ${showPath(data, cwd)} would be run, and code of this checkout is not trusted.`,
      'write it as .npz, .npy, .jsonl or .csv',
    )
  }
  const { timeout, memory } = fields
  return {
    request: {
      data,
      metrics,
      trusted,
      ...requestOf(fields),
      ...(tokenizer !== undefined && { text: textOf(tokenizer, fields) }),
    },
    limits: {
      ...(timeout !== undefined && { timeoutMs: timeout * 1000 }),
      ...(memory !== undefined && { memoryLimitBytes: memory * 2 ** 20 }),
    },
  }
}

const MODULES = /\.[cm]?[jt]s$/

/** The limits that hold for the gate's metric. Default: a drop of 0.01, relative where the metric has no fixed range. */
export async function readLimits(
  given: Limits | undefined,
  { metric, place, source }: { metric: string | undefined; place: string; source: EvaluationSource },
): Promise<Limits | undefined> {
  const { validateLimits } = await import('@pare/gate')
  const { bounded } = metric === undefined ? { bounded: true } : (await import('@pare/evaluate')).findMetric(metric)
  const limits = given ?? { maxDrop: bounded ? 0.01 : { relative: 0.01 } }
  const wrong = validateLimits(limits, metric === undefined ? undefined : { metric, bounded })
  for (const { at, message, hint } of wrong) {
    // What came from an option is cured there.
    const option = at === 'maxDrop' && typeof source.overrides.gate?.maxDrop === 'number'
    const cure = option ? `${hint}; as an option: --max-drop relative=${limits.maxDrop}` : hint
    source.problems.push({ place: at === '' ? place : `${place}.${at}`, message: `${message}.`, hint: cure })
  }
  return wrong.length > 0 ? undefined : limits
}

async function readMetrics(
  written: string | string[] | undefined,
  place: string,
  { tokenizer, data, problems }: { tokenizer: string | undefined; data: string | undefined; problems: Problem[] },
): Promise<readonly string[] | undefined> {
  const isText = tokenizer !== undefined || (data !== undefined && extname(data) === '.txt')
  const metrics = written === undefined ? [isText ? 'perplexity' : 'accuracy'] : typeof written === 'string' ? [written] : written
  const { findMetric, METRIC_NAMES } = await import('@pare/evaluate')
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

function requestOf({ batch, threads, label, output }: EvaluateConfig): Partial<EvaluateRequest> {
  return {
    ...(batch !== undefined && { batch }),
    ...(threads !== undefined && { threads }),
    ...(label !== undefined && { label }),
    ...(output !== undefined && { output }),
  }
}

function textOf(tokenizer: string, { length, stride, field }: EvaluateConfig): NonNullable<EvaluateRequest['text']> {
  return {
    tokenizer,
    ...(length !== undefined && { length }),
    ...(stride !== undefined && { stride }),
    ...(field !== undefined && { field }),
  }
}

/** The absolute path of a file that the config or an override names, if either does. */
async function readPath(
  { own, override, place, what }: { own: string | undefined; override: string | undefined; place: string; what: string },
  { problems, cwd, folder }: EvaluationSource,
): Promise<string | undefined> {
  const written = override ?? own
  if (written === undefined) {
    if (what !== 'tokenizer')
      problems.push({ place, message: 'is missing: nothing to measure with.', hint: "name a data file: data: 'val.npz'" })
    return undefined
  }
  const path = override === undefined ? resolve(folder, written) : resolve(cwd, written)
  if (await isFile(path)) return path
  problems.push({
    place,
    message: `${what} '${written}' is not a file (looked for ${path}).`,
    hint: 'check the path; with Git LFS, run: git lfs pull',
  })
  return undefined
}
