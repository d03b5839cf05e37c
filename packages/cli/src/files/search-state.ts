import { createHash } from 'node:crypto'
import { appendFile, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SearchState } from '@pare/core'
import { parseJson, systemCode, writeWhole } from '@pare/onnx'
import { usage } from '../terminal/failure.js'
import { makeFolder } from './make-folder.js'

const HEAD = 'state.json'
const SCORES = 'scores.jsonl'
const VALUES = 'levels'

/** One finished trial, as a line. */
interface ScoreLine {
  readonly trial: string
  /** Null: not a number. */
  readonly score: number | null
  readonly seconds: number
}

/** Opens the state in a folder: that of another search is thrown away. Throws a Failure for a folder that holds something else. */
export async function openSearchState(folder: string, identity: string): Promise<Omit<SearchState, keyof AsyncDisposable>> {
  await makeFolder(folder)
  const before = await headOf(folder)
  if (before !== identity) {
    for (const name of [SCORES, VALUES, HEAD]) await rm(join(folder, name), { recursive: true, force: true })
    await mkdir(join(folder, VALUES))
    await writeWhole(join(folder, HEAD), `${JSON.stringify({ kind: 'search', identity })}\n`)
  }
  const lines = before === identity ? await linesOf(folder) : []
  // What was being written when it was stopped is gone now.
  await writeWhole(join(folder, SCORES), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const kept = new Set(await readdir(join(folder, VALUES)))
  const fileOf = (level: string) => `${createHash('sha256').update(level).digest('hex').slice(0, 32)}.bin`
  return {
    scores: new Map(lines.map(({ trial, score }) => [trial, score ?? Number.NaN])),
    seconds: lines.at(-1)?.seconds ?? 0,
    find: async (level) => (kept.has(fileOf(level)) ? join(folder, VALUES, fileOf(level)) : undefined),
    async keep(level, values) {
      const name = fileOf(level)
      await writeWhole(join(folder, VALUES, name), [values])
      kept.add(name)
      return join(folder, VALUES, name)
    },
    async record(scores, seconds) {
      const text = scores.map(([trial, score]) => `${JSON.stringify({ trial, score, seconds } satisfies ScoreLine)}\n`).join('')
      await appendFile(join(folder, SCORES), text)
    },
  }
}

/** The identity of the search whose state is in a folder; undefined where there is nothing yet. */
async function headOf(folder: string): Promise<string | undefined> {
  const names = (await readdir(folder)).filter((name) => !/^step-\d+$/.test(name))
  if (names.length === 0) return undefined
  const text = await readFile(join(folder, HEAD), 'utf8').catch((cause: unknown) => {
    // Stopped before its head was written.
    if (systemCode(cause) === 'ENOENT' && names.every((name) => name === VALUES || /^\.pare-.*\.tmp$/.test(name)))
      return undefined
    throw usage(
      `pare: ${folder} is where a search keeps what it has done, and something else lies there.`,
      'remove it, or choose another folder with --out',
      cause,
    )
  })
  return text === undefined ? undefined : (parseJson(text) as { identity?: string }).identity
}

/** Whole lines. */
async function linesOf(folder: string): Promise<readonly ScoreLine[]> {
  const text = await readFile(join(folder, SCORES), 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return ''
    throw error
  })
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => parseJson(line) as ScoreLine)
}
