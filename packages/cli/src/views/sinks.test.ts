import { readFileSync } from 'node:fs'
import { PareError } from '@pare/onnx'
import { type RunResults, renderComment, renderCurves, renderHtml, renderSummary, runResults } from '@pare/report'
import { HOSTILE_TEXTS, harmIn } from '@pare/testing'
import { describe, expect, it } from 'vitest'
import { main } from '../command-line/command-line.js'
import { type Context, say, toJson } from '../terminal/context.js'
import { stackOf } from '../terminal/failure.js'
import type { Io } from '../terminal/io.js'
import { makeProgress } from '../terminal/progress.js'
import { visible, visibleMessage } from '../terminal/visible.js'
import { renderResults } from './results.js'

const EXAMPLES = ['cut', 'failing', 'incomplete', 'lost-class', 'passing', 'several-models']

/** The results files, and which texts in them may be anything: no verdict, no kind of error. */
const FREE = EXAMPLES.map((example) => {
  const path = new URL(`../../../report/examples/${example}.json`, import.meta.url)
  const results: unknown = JSON.parse(readFileSync(path, 'utf8'))
  const free = textsIn(results).map(({ owner, key }) => {
    const before = owner[key]
    owner[key] = 'name'
    const isFree = runResults.safeParse(results).success
    owner[key] = before
    return isFree
  })
  return { example, results, free }
})

/** A results file in which every text that may be anything is this one. */
function resultsOf(example: string, text: string): RunResults {
  const { results, free } = FREE.find((each) => each.example === example)!
  const own: unknown = structuredClone(results)
  // No metric has a name that every object has.
  for (const [i, { owner, key }] of textsIn(own).entries()) if (free[i] && !(key === 'metric' && text in {})) owner[key] = text
  return runResults.parse(own)
}

function textsIn(value: unknown): { owner: Record<string, unknown>; key: string }[] {
  if (typeof value !== 'object' || value === null) return []
  const owner = value as Record<string, unknown>
  return Object.keys(owner).flatMap((key) => (typeof owner[key] === 'string' ? [{ owner, key }] : textsIn(owner[key])))
}

/** What a function prints, on either stream. */
async function printed(work: (io: Io, context: Context) => unknown): Promise<string> {
  const texts: string[] = []
  const output = { isTTY: false, columns: 100, write: (text: string) => texts.push(text) }
  let time = 0
  const now = () => (time += 20_000)
  const io: Io = { stdout: output, stderr: output, env: { CI: 'true' }, cwd: '/', signal: new AbortController().signal, now }
  await work(io, { io, flags: { json: false, quiet: false, verbose: true }, words: [], progress: await makeProgress(io, false) })
  return texts.join('')
}

/** Everything that prints lines: each takes a text of others, wherever it came from. */
const LINES: Readonly<Record<string, (text: string) => Promise<string> | string>> = {
  'a note': (text) => printed((_, { progress }) => progress.note(text)),
  'an activity': (text) =>
    printed((_, { progress }) => {
      const activity = progress.begin(text)
      activity.update(1, 2, text)
      activity.end()
    }),
  'a command that there is not': (text) => printed((io) => main([text], io)),
  'an option that there is not': (text) => printed((io) => main(['inspect', `--${text}`], io)),
  'a model that there is not': (text) => printed((io) => main(['inspect', text, '--verbose'], io)),
  'a message': (text) => visibleMessage(`${text}: ${text}\n  hint: ${text}`),
  'a stack': (text) => visibleMessage(stackOf(new PareError(text, { cause: new TypeError(text) }))),
  'a table': (text) =>
    printed((_, context) => say(context, { rows: [[text, { [text]: text }]] }, ({ rows }) => JSON.stringify(rows))),
  'a document of JSON': (text) => toJson({ [text]: [text, { name: text }] }),
  ...Object.fromEntries(
    EXAMPLES.map((example) => [
      `the results of a run, as ${example}.json`,
      (text: string) =>
        printed((_, context) => {
          const files = { results: `/${text}`, report: `/${text}` }
          say(context, { results: resultsOf(example, text), files }, (view) => renderResults(view.results, view.files, context))
        }),
    ]),
  ),
}

describe.each(Object.entries(HOSTILE_TEXTS))('%s', (_, text) => {
  it.each(Object.entries(LINES))('gives no line, no command and no order to %s', async (sink, print) => {
    const harmless = await print('name')
    expect(harmless.length, sink).toBeGreaterThan(0)
    const out = await print(text)
    expect(harmIn(out), sink).toBeUndefined()
    expect(out.length, sink).toBeLessThan(harmless.length + 60_000 * (1 + harmless.split('name').length))
  })

  it.each(EXAMPLES)('is no markup in report, summary and comment of %s.json', (example) => {
    const plain = resultsOf(example, 'name')
    const results = resultsOf(example, text)
    const page = renderHtml(results)
    expect(tagsOf(page)).toEqual(tagsOf(renderHtml(plain)))
    expect(unseenIn(page)).toBeUndefined()
    for (const render of [renderSummary, renderComment]) {
      const options = { maxBytes: 10_000_000, marker: '<!-- m -->' }
      const markdown = render(results, options)
      expect(tagsOf(markdown)).toEqual(tagsOf(render(plain, options)))
      expect(linesOf(markdown)).toEqual(linesOf(render(plain, options)))
      // The zero-width spaces are ours: they keep GitHub from making mentions and links of names.
      expect(unseenIn(markdown.replaceAll('\u200b', ''))).toBeUndefined()
      expect(calledIn(markdown)).toEqual(calledIn(render(plain, options)))
    }
  })

  it('is no markup in the page of curves', () => {
    const points = [0, 0.5].map((amount) => ({ amount, loss: amount }))
    const curves = (name: string) =>
      renderCurves({ path: name, loss: name, amount: 'sparsity', note: name, curves: [{ id: name, size: 4, points }] })
    expect(tagsOf(curves(text))).toEqual(tagsOf(curves('name')))
    expect(unseenIn(curves(text))).toBeUndefined()
  })
})

/** The kinds of elements of a page, with the names of their attributes: what a text adds shows. */
function tagsOf(page: string): readonly string[] {
  const tags = [...page.matchAll(/<(!--|\/?[a-z][\w-]*)((?:\s+[\w:-]+(?:="[^"]*"|='[^']*')?)*)\s*\/?>?/gi)].map(
    ([, name, attributes = '']) => `${name} ${attributes.replace(/=("[^"]*"|'[^']*')/g, '')}`,
  )
  return [...new Set(tags)].sort()
}

/** What each line begins with, and into how many cells it is divided. */
function linesOf(markdown: string): readonly string[] {
  return markdown.split('\n').map((line) => `${/^(\||#+ |- |\d+\. |```|<\/?\w+)?/.exec(line)?.[0]} ${line.split('|').length}`)
}

/** What GitHub makes a mention, an issue or a link of, wherever it stands. */
function calledIn(markdown: string): readonly string[] {
  return [...markdown.matchAll(/@\w+|(?<![\w&"'])#\d+(?!\w)|\bGH-\d+|https?:\/\/[\w.]+|www\.\w+|\]\([^)]*\)/g)].map(
    ([each]) => each,
  )
}

function unseenIn(text: string): string | undefined {
  return /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.exec(text)?.[0]
}

it('what cannot be seen is written out', () => {
  expect(visible(HOSTILE_TEXTS['halves of characters']!)).toBe('a\\u{d800}b\\u{dc00}')
})
