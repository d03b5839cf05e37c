import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { OpenSearch } from '@pare/core'
import { hashData } from '../files/hash.js'
import type { ModelHashes } from '../files/hash-model.js'
import { openSearchState } from '../files/search-state.js'
import { calibrationFiles } from '../settings/data/calibration.js'
import type { Task } from '../settings/task.js'
import { packageVersion } from '../terminal/version.js'
import type { Work } from './work.js'

/** What else decides how a search of a task goes on than what core knows of it. */
export type SearchTask = Pick<Task, 'calibration' | 'training' | 'seed' | 'source' | 'dims' | 'mergeAdapters'>

interface Searching {
  readonly task: SearchTask
  /** Of the model. */
  readonly hashes: () => Promise<ModelHashes>
  readonly work: Pick<Work, 'signal' | 'progress' | 'label'>
}

/** Opens the state of each search of a task: the first in `folder`, the others in folders of their own inside it. */
export function searchStates(folder: string, { task, hashes, work }: Searching): OpenSearch {
  let opened = 0
  return async (identity) => {
    const parts = [identity, await hashes(), await dataOf(task), settingsOf(task), packageVersion()]
    const place = opened++ === 0 ? folder : join(folder, `step-${opened}`)
    const state = await openSearchState(place, createHash('sha256').update(JSON.stringify(parts)).digest('hex'))
    const onEnd = async () => {
      if (work.signal.aborted) work.progress.note(`${work.label}: the search has stopped; the same command goes on from there`)
    }
    return { ...state, [Symbol.asyncDispose]: onEnd }
  }
}

async function dataOf({ calibration, training }: SearchTask): Promise<readonly string[]> {
  const hashed: string[] = []
  for (const path of [...(calibration === undefined ? [] : calibrationFiles(calibration.run)), training?.data]) {
    if (path === undefined) continue
    await using hashing = hashData(path)
    hashed.push(await hashing.digest())
  }
  return hashed
}

/** What the user says, without how long is searched: of shares, core knows what they become. */
function settingsOf({ source, seed, dims, mergeAdapters }: SearchTask): string {
  const { prune, calibrate, train, overrides, level } = source
  const settings = {
    seed,
    dims,
    mergeAdapters,
    prune,
    calibrate,
    train,
    loss: level.loss,
    over: [overrides.calibrate, overrides.train],
  }
  return JSON.stringify(settings, (key, value) => (key === 'allocation' ? undefined : value))
}
