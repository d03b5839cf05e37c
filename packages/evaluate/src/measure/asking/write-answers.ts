import type { Batch } from '../../data/dataset.js'
import type { NdArray } from '../../data/ndarray.js'
import type { WritingPrompt } from '../../data/questions/question.js'
import { drawnArray, textArray } from '../../metrics/texts.js'
import type { Session } from '../../process/runtime.js'
import { refuseLookingAhead } from './causal.js'
import { decodedRun, takesMask } from './decode.js'
import type { AskingPlace } from './likelihoods.js'
import { tokenChoice } from './token-choice.js'
import { cachedRun, cacheOf, type TokenPlace, type TokenRun, uncachedRun } from './token-runs.js'
import { readAnswer, type Writing } from './writing.js'

/**
 * What a model writes behind each prompt of a batch, string[prompts, draws]: the likeliest token at each step or one that is drawn, up to one that ends a text, a text that stops it, or as many as are allowed. With a cache
 * prompts of one length are written together; without one, and behind an encoder, those of any.
 */
export async function writeAnswers(
  session: Session,
  { prompts = [], first }: Batch,
  { output, atOnce, writing }: AskingPlace & { readonly writing: Writing },
): Promise<NdArray> {
  const place = { output, first, fixed: atOnce.fixed ? atOnce.size : undefined }
  const { pair } = session
  if (first === 0 && pair === undefined) await refuseLookingAhead(session, { ...place, row: prompts[0]!.ids })
  const cache = pair === undefined ? cacheOf(session) : undefined
  const isEven = cache !== undefined || (pair !== undefined && !takesMask(pair))
  const { draws = 1 } = writing
  const maxTokens = writing.maxTokens - (pair?.isEndForced ? 1 : 0)
  const texts = prompts.flatMap((prompt, i) => Array.from({ length: draws }, (_, draw) => ({ prompt, sample: first + i, draw })))
  const answers = new Array<string>(texts.length)
  for (const group of groupsOf(
    texts.map(({ prompt }) => prompt),
    { size: atOnce.size, isEven },
  )) {
    const rows = group.map((i) => texts[i]!.prompt)
    const choose = tokenChoice(
      writing,
      group.map((i) => texts[i]!),
    )
    const own = { ...place, choose }
    const run = runOf(session, rows, { ...own, cache })
    for (const [at, ids] of (await written(run, rows.length, { ...writing, maxTokens })).entries())
      answers[group[at]!] = readAnswer(ids, writing).text
  }
  return draws === 1 ? textArray(answers) : drawnArray(answers, draws)
}

function runOf(
  session: Session,
  prompts: readonly WritingPrompt[],
  { cache, ...place }: TokenPlace & { readonly cache: ReadonlyMap<string, string> | undefined },
): TokenRun {
  const rows = prompts.map(({ ids }) => ids)
  if (session.pair !== undefined)
    return decodedRun(
      session.pair,
      prompts.map(({ ids, sound }) => sound ?? ids),
      place,
    )
  return cache === undefined ? uncachedRun(session, rows, place) : cachedRun(session, rows, { ...place, cache })
}

/** Prompts that are run together, by number. */
function groupsOf(
  prompts: readonly WritingPrompt[],
  { size, isEven }: { readonly size: number; readonly isEven: boolean },
): readonly (readonly number[])[] {
  const groups = new Map<string, number[]>()
  for (const [i, { ids, sound }] of prompts.entries()) {
    const key = sound === undefined ? String(isEven ? ids.length : 0) : String(sound.shape)
    groups.set(key, [...(groups.get(key) ?? []), i])
  }
  return [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / size) }, (_, i) => group.slice(i * size, (i + 1) * size)),
  )
}

/** The tokens behind each of so many prompts, without those that end them. A row that is over goes along until all are. */
async function written(run: TokenRun, count: number, writing: Writing): Promise<readonly (readonly number[])[]> {
  const rows = Array.from({ length: count }, () => [] as number[])
  const isOpen = rows.map(() => true)
  if (writing.maxTokens < 1) return rows
  let tokens = await run.first()
  for (let step = 1; ; step++) {
    for (const [i, token] of tokens.entries()) {
      // A model that gives NaN writes no more.
      if (isOpen[i] && (Number.isNaN(token) || writing.ends.has(token))) isOpen[i] = false
      if (!isOpen[i]) continue
      rows[i]!.push(token)
      if (writing.stop.length > 0 && readAnswer(rows[i]!, writing).isOver) isOpen[i] = false
    }
    if (step >= writing.maxTokens || !isOpen.includes(true)) return rows
    tokens = await run.after(tokens.map((token) => (Number.isNaN(token) ? 0 : token)))
  }
}
