import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseJson, writeWhole } from '@pare/onnx'
import { makeFolder } from '../files/make-folder.js'
import { usage } from '../terminal/failure.js'
import { candidateKey, type ModelCandidate, type TriedCandidate } from './candidate.js'

/** What earlier runs of a search have tried. */
export interface TrialFiles {
  find(candidate: ModelCandidate): Promise<TriedCandidate | undefined>
  /** It is there, whole, or it is not. */
  keep(tried: TriedCandidate): Promise<void>
}

/**
 * A folder with a file for each candidate that was tried, named by a hash of what decides how it comes out: `identity` (model, data, steps, settings) and the candidate. Those of other
 * searches stay, and are not looked at.
 */
export async function openTrialFiles(folder: string, identity: string): Promise<TrialFiles> {
  await makeFolder(folder)
  const fileOf = (candidate: ModelCandidate) => {
    const key = createHash('sha256')
      .update(JSON.stringify([identity, candidateKey(candidate)]))
      .digest('hex')
    return join(folder, `${key.slice(0, 32)}.json`)
  }
  return {
    async find(candidate) {
      const file = fileOf(candidate)
      return existsSync(file) ? trialIn(await readFile(file, 'utf8'), file) : undefined
    },
    async keep(tried) {
      await writeWhole(fileOf(tried), `${JSON.stringify({ kind: 'trial', ...tried })}\n`)
    },
  }
}

function trialIn(text: string, file: string): TriedCandidate {
  const wrong = (cause?: unknown) =>
    usage(`pare: ${file} is where a search keeps what came of a trial, and it holds something else.`, 'remove the file', cause)
  try {
    const { kind, ...tried } = parseJson(text) as TriedCandidate & { readonly kind?: unknown }
    if (kind === 'trial') return tried
  } catch (error) {
    throw wrong(error)
  }
  throw wrong()
}
