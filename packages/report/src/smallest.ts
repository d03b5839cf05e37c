import { candidateName, isSame } from './candidate-name.js'
import { candidateFigure } from './drawings/candidate-figure.js'
import { html, type Markup, mdText } from './escape.js'
import { figure, formatCount, percent, share, size } from './figures.js'
import { type TableColumn, table } from './page/table.js'
import type { ModelResult } from './results/results.js'
import type { SmallestSearchResult } from './results/smallest-fields.js'

type Tried = SmallestSearchResult['tried'][number]

/** Candidates that a table of the terminal or of a summary shows. */
const FEW = 6

/** What a search for the smallest model tried, what it chose, and on which data: sentences. Empty where nothing was searched for. */
export function smallestSentences({ smallest, data: gate }: Pick<ModelResult, 'smallest' | 'data'>): string[] {
  if (smallest === undefined) return []
  const { data, tried, chosen, next, even, reference, ended, known, maxDrop, certainty, metric } = smallest
  const limit = typeof maxDrop === 'number' ? maxDrop : maxDrop.relative * Math.abs(reference.value)
  const measured = tried.filter(({ drop }) => drop !== undefined).length
  const before = known === 0 ? '' : ` (${formatCount(known)} of them by an earlier run)`
  const end = ended === 'finished' ? '' : `, until its ${ended} were over`
  const others = data.isSplit
    ? `a part of the evaluation data that the gate does not look at${gate === undefined ? '' : `, which has the other ${formatCount(gate.samples)}`}`
    : data.path
  const sentences = [
    `${formatCount(tried.length)} candidates were tried${before}, ${formatCount(measured)} of them measured, on ${formatCount(data.samples)} samples of ${others}${end}.`,
  ]
  const best = tried.find((one) => isSame(one, chosen) && one.size !== undefined)
  if (chosen === undefined || best?.size === undefined)
    return [
      ...sentences,
      `None of them is smaller and keeps the drop of ${metric} within ${figure(limit)} on other samples with ${percent(certainty)} certainty.`,
    ]
  const part = share(best.size.zippedBytes / reference.zippedBytes)
  sentences.push(
    `The smallest that keeps the drop of ${metric} within ${figure(limit)} on other samples with ${percent(certainty)} certainty: ${candidateName(chosen)}, ${size(best.size.zippedBytes)} zipped, ${part} of the reference.`,
  )
  const alike = tried.find((one) => isSame(one, even) && one.size !== undefined)
  if (alike?.size !== undefined)
    sentences.push(
      `With the same ratio in all steps the smallest is ${candidateName(alike)}: ${size(alike.size.zippedBytes)} zipped, ${percent(alike.size.zippedBytes / best.size.zippedBytes - 1)} more.`,
    )
  if (next !== undefined) sentences.push(nextSentence(next, { tried, best }))
  return sentences
}

function nextSentence(
  { withinResolution, ...next }: NonNullable<SmallestSearchResult['next']>,
  { tried, best }: { readonly tried: readonly Tried[]; readonly best: Tried },
): string {
  // The smallest that passes, where one hundredth less was chosen.
  const isStepBack = next.ratio - best.ratio > 0.015
  const margin = isStepBack
    ? 'One step further passes, too, and is left as a margin, since the smallest of many is a lucky one. '
    : ''
  const further = isStepBack ? 'Two steps further' : 'One step further'
  const { drop, outcome, reason } = tried.find((one) => isSame(one, next)) ?? {}
  if (outcome === 'larger') return `${margin}${further}, ${candidateName(next)} is no smaller.`
  if (outcome === 'impossible') return `${margin}${further}, ${candidateName(next)} cannot be made: ${reason}`
  const lost = drop === undefined ? '' : `, with a drop of ${figure(drop.value, 3)}`
  const close = withinResolution ? '; these samples cannot tell that from a drop that is allowed' : ''
  return `${margin}${further}, ${candidateName(next)} does not pass${lost}${close}.`
}

/** The chosen candidate, those that pass and are hardly larger, the smallest of each other form, and the step further: in order of their size. */
export function tellingCandidates({ tried, chosen, next }: SmallestSearchResult): readonly Tried[] {
  const passing = tried.filter(({ outcome }) => outcome === 'pass').sort(bySize)
  const forms = [...new Set(tried.map(({ bits }) => bits))].flatMap((bits) => {
    const own = tried.filter((one) => one.bits === bits)
    return passing.find((one) => one.bits === bits) ?? own.filter(({ drop }) => drop !== undefined).sort(byDrop)[0] ?? []
  })
  const further = tried.filter((one) => isSame(one, next))
  const first = tried.filter((one) => isSame(one, chosen))
  return [...new Set([...first, ...further, ...forms, ...passing])].slice(0, FEW).sort(bySize)
}

/** One row of cells for a candidate: name, size, value, drop with its interval, what came of it. */
export function candidateCells(one: Tried, { chosen }: SmallestSearchResult): readonly string[] {
  const { size: own, value, drop } = one
  return [
    candidateName(one),
    own === undefined ? '–' : size(own.zippedBytes),
    value === undefined ? '–' : figure(value),
    drop === undefined ? '–' : `${figure(drop.value, 3)} (${figure(drop.interval[0], 2)} to ${figure(drop.interval[1], 2)})`,
    outcomeText(one, isSame(one, chosen)),
  ]
}

/** The page's figure: all measured candidates by size and drop, and all of them in a table. */
export function smallestFigure(model: ModelResult): Markup | undefined {
  const { smallest } = model
  if (smallest === undefined) return undefined
  const { tried, metric, chosen } = smallest
  const cell = (at: number) => (one: Tried) => candidateCells(one, smallest)[at]!
  const columns: TableColumn<Tried>[] = [
    { title: '#', number: (_, i) => i + 1, cell: (_, i) => i + 1 },
    { title: 'Candidate', cell: cell(0), heading: true },
    { title: 'Zipped', number: (one) => one.size?.zippedBytes, cell: cell(1) },
    { title: metric, number: ({ value }) => value, cell: cell(2) },
    { title: 'Drop (95 % interval)', number: ({ drop }) => drop?.value, cell: cell(3) },
    {
      title: 'Samples',
      number: ({ samples }) => samples,
      cell: ({ samples }) => (samples === undefined ? '–' : formatCount(samples)),
    },
    {
      title: 'Outcome',
      cell: (one) => `${outcomeText(one, isSame(one, chosen))}${one.reason === undefined ? '' : `: ${one.reason}`}`,
    },
  ]
  return html`<figure class="candidates"><h3>The smallest that passes</h3><p>${smallestSentences(model).join(' ')}</p>
${candidateFigure(smallest)}
<details><summary>${formatCount(tried.length)} candidates in numbers</summary>${table({ label: 'Candidates', columns, rows: tried })}</details></figure>`
}

/** The same for a job summary: the telling ones. */
export function smallestMarkdown(model: ModelResult): string {
  const { smallest } = model
  if (smallest === undefined) return ''
  const head = `| Candidate | Zipped | ${mdText(smallest.metric)} | Drop (95 % interval) | Outcome |\n| --- | --- | --- | --- | --- |\n`
  const rows = tellingCandidates(smallest).map((one) => `| ${candidateCells(one, smallest).map(mdText).join(' | ')} |\n`)
  return `${mdText(smallestSentences(model).join(' '))}\n\n${head}${rows.join('')}`
}

function outcomeText({ outcome, isEarly }: Tried, isChosen: boolean): string {
  const early = isEarly === true ? ', on a quarter of the samples' : ''
  switch (outcome) {
    case 'pass':
      return isChosen ? 'chosen' : `passes${early}`
    case 'fail':
      return `fails${early}`
    case 'larger':
      return 'too large to be measured'
    case 'impossible':
      return 'cannot be made'
    default:
      return outcome satisfies never
  }
}

const bySize = (a: Tried, b: Tried) =>
  (a.size?.zippedBytes ?? Number.POSITIVE_INFINITY) - (b.size?.zippedBytes ?? Number.POSITIVE_INFINITY)

const byDrop = (a: Tried, b: Tried) => a.drop!.value - b.drop!.value
