import { mdCode, mdText } from '../escape.js'
import { figure, formatCount, plural, share } from '../figures.js'
import type { ModelResult } from '../results/results.js'
import { changedClasses } from './findings.js'

/** Rows of each table; the HTML report has more. */
const MOST_ROWS = 20

/** What changed by class, slice and sample, as tables that unfold. */
export function answersMarkdown(model: ModelResult): string[] {
  return [classes(model), slices(model), samples(model)].filter((text) => text !== undefined)
}

function classes({ path, classes: all = [] }: ModelResult): string | undefined {
  const changed = changedClasses(all)
  if (changed.length === 0) return undefined
  const rows = changed.map(({ name, samples, right, share: of, lost, gained }) => [
    mdText(name),
    `${of === undefined ? '' : `${share(of.before)} → ${share(of.after)}`}`,
    `${formatCount(right.before)} → ${formatCount(right.after)}`,
    ...[samples, lost, gained].map(formatCount),
  ])
  const title = `${formatCount(changed.length)} of ${formatCount(all.length)} classes of ${mdCode(path)} changed`
  return folded(title, ['Class', 'Right', 'Samples right', 'of', 'Lost', 'Gained'], rows)
}

function slices({ path, metric = 'metric', slices: all = [] }: ModelResult): string | undefined {
  if (all.length === 0) return undefined
  const value = (number: number | undefined) => (number === undefined ? '–' : figure(number))
  const rows = all.map(({ by, name, samples, before, after }) => [
    mdText(`${by} = ${name}`),
    `${value(before)} → ${value(after)}`,
    formatCount(samples),
  ])
  return folded(`${mdText(metric)} of ${mdCode(path)} by slice`, ['Slice', 'Reference → pruned', 'Samples'], rows)
}

function samples({ path, changed }: ModelResult): string | undefined {
  if (changed === undefined || changed.samples.length === 0) return undefined
  const { lost, gained } = changed
  const rows = changed.samples.map(({ id, label, before, after, text }) => [
    mdText(id),
    label === before ? 'lost' : 'gained',
    ...[label, before, after, text ?? ''].map((one) => mdText(one)),
  ])
  const title = `${plural(lost + gained, 'sample')} changed sides in ${mdCode(path)}: ${formatCount(lost)} lost, ${formatCount(gained)} gained`
  return folded(title, ['Sample', 'Side', 'Label', 'Before', 'After', 'Text'], rows)
}

function folded(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`
  const more = rows.length > MOST_ROWS ? `\n… and ${formatCount(rows.length - MOST_ROWS)} more in the HTML report.\n` : ''
  const body = rows.slice(0, MOST_ROWS).map(line).join('')
  return `\n<details><summary>${title}</summary>\n\n${line(head)}|${' --- |'.repeat(head.length)}\n${body}${more}\n</details>\n`
}
