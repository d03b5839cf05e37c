import { mergeRun, planRun, run, runReusing, runShard } from '@pare/cli'
import { overridesOf, ownOf } from '@pare/cli/options'
import * as log from '../log.js'
import { type RunEngine, shardDone, shardsOf } from './engine.js'

export interface BundledEngine {
  /** Absolute path of an onnxruntime-node package. */
  readonly onnxruntime: string
  readonly trusted: boolean
  /** The checkout: where it is not trusted, nothing outside of it is read for it. */
  readonly workspace: string
}

const TOLD_EVERY_MS = 10_000

/** The command line's own functions, with the plugins that come with it. What runs models runs in `child.mjs` and `retrain-child.mjs` beside this bundle. */
export function bundledEngine({ onnxruntime, trusted, workspace }: BundledEngine): RunEngine {
  const beside = (file: string) => new URL(file, import.meta.url)
  const engine = { onnxruntime, evaluateChild: beside('./child.mjs'), retrainChild: beside('./retrain-child.mjs') }
  return async ({ inputs: { models, values }, task, workingDirectory, folder, against, signal }) => {
    const { config, lock: write, carryForward: carry, badge = false, reuse } = ownOf('run', values)
    const options = {
      ...(config === undefined ? {} : { config }),
      overrides: { ...overridesOf('run', values), ...(models.length === 0 ? {} : { models: [...models] }) },
      cwd: workingDirectory,
      env: process.env,
      outDir: folder,
      badge,
      lock: { write, carry, against, ...(against !== undefined && { name: 'this pull request' }) },
      trusted,
      workspace,
      engine,
      progress: { begin, note: log.info },
      signal,
    }
    switch (task.kind) {
      case 'run':
        // What lies in a checkout that is not trusted may be made up.
        return await (reuse === undefined || !trusted ? run(options) : runReusing({ ...options, reuse }))
      case 'merge':
        return await mergeRun({ ...options, shards: task.path })
      case 'plan':
        return { used: shardsOf((await planRun({ ...options, shards: task.shards })).pieces) }
      case 'shard': {
        const { index, count } = task
        const { manifest, failures } = await runShard({ ...options, shard: { index, count }, ...(trusted && { reuse }) })
        return { shard: shardDone(manifest.pieces, failures) }
      }
      default:
        return task satisfies never
    }
  }
}

/** A line in the log where work begins, and one every ten seconds while it lasts. */
function begin(label: string): { update(done: number, total: number, message?: string): void; end(): void } {
  log.info(label)
  const state = { lastLine: Date.now() }
  return {
    update(done, total, message) {
      if (Date.now() - state.lastLine < TOLD_EVERY_MS || !(total > 0)) return
      state.lastLine = Date.now()
      log.info(`${label}: ${message ?? `${Math.floor((100 * done) / total)} %`}`)
    },
    end: () => {},
  }
}
