// Whether a file that Pare wrote is whole.
import { existsSync, readFileSync } from 'node:fs'
import { parsePlan, parseStatistics } from '@pare/core'
import { makePayload, openModel } from '@pare/onnx'
import { parse } from 'yaml'
import { parseNpz } from '../../packages/evaluate/dist/data/arrays/npz.js'

/** By the end of the name, the first that fits. Each throws for a file that is cut short. */
const READERS = {
  '.onnx': async (path) => {
    await (await openModel(path))[Symbol.asyncDispose]?.()
  },
  '.plan.json': async (path) => {
    const numbers = path.replace(/\.json$/, '.bin')
    return parsePlan(readFileSync(path, 'utf8'), path, existsSync(numbers) ? makePayload(readFileSync(numbers)) : undefined)
  },
  '.pare': async (path) => parseStatistics(readFileSync(path), path),
  '.npz': (path) => parseNpz(readFileSync(path), path, 2 ** 26),
  '.json': (path) => JSON.parse(readFileSync(path, 'utf8')),
  '.jsonl': (path) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  '.yaml': (path) => parse(readFileSync(path, 'utf8')),
  '.yml': (path) => parse(readFileSync(path, 'utf8')),
  '.html': (path) => demand(/<\/html>\s*$/.test(readFileSync(path, 'utf8')), 'the page has no end'),
  '.md': (path) => demand(readFileSync(path, 'utf8').endsWith('\n'), 'the text has no end'),
  '.tmp': () => demand(false, 'is left'),
}

/** What is wrong with a file; undefined where it can be read to its end, or is of no kind that is known here. */
export async function faultOf(path) {
  const reader = Object.entries(READERS).find(([end]) => path.endsWith(end))?.[1]
  try {
    await reader?.(path)
    return undefined
  } catch (error) {
    return String(error.message)
  }
}

function demand(is, message) {
  if (!is) throw new Error(message)
}
