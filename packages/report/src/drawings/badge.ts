import { figure, plural, size } from '../figures.js'
import type { ModelResult, RunResults } from '../results/results.js'
import { judged } from '../statement.js'

/** What shields.io draws a badge of, as its endpoint badges take it: https://shields.io/badges/endpoint-badge */
export interface Badge {
  readonly schemaVersion: 1
  readonly label: string
  readonly message: string
  readonly color: string
}

const COLORS = { pass: 'brightgreen', fail: 'red', incomplete: 'lightgrey' } as const

/** The verdict in a few words: of one model what became of its size and its metric, of several how many pass. */
export function badgeOf({ verdict, models }: RunResults): Badge {
  const [only, second] = models
  const passed = models.filter((model) => model.verdict === 'pass').length
  const message =
    only !== undefined && second === undefined ? ofOne(only) : `${passed} of ${plural(models.length, judged(models))} pass`
  // Badges are plain text.
  return { schemaVersion: 1, label: 'pruned', message: message.replaceAll('\u00a0', ' '), color: COLORS[verdict] }
}

/** 'pass, 109 kB of 189 kB, accuracy 0.9778 → 0.9711' */
function ofOne({ verdict, metric, reference, pruned }: ModelResult): string {
  if (pruned === undefined) return verdict
  const [before, after] = [reference.zippedBytes ?? reference.bytes, pruned.zippedBytes ?? pruned.bytes]
  const value = metric === undefined ? undefined : [reference.metrics[metric], pruned.metrics[metric]]
  const [was, is] = value ?? []
  return [
    verdict,
    `${size(after)} of ${size(before)}`,
    ...(was === undefined || is === undefined ? [] : [`${metric} ${figure(was)} → ${figure(is)}`]),
  ].join(', ')
}
