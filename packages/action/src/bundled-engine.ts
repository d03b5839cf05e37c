import { run } from '@pare/cli'
import type { Engine } from './engine.js'
import type { RunInputs } from './inputs.js'
import * as log from './log.js'

export interface BundledEngine {
  /** Absolute path of an onnxruntime-node package. */
  readonly onnxruntime: string
  readonly trusted: boolean
  /** The checkout: where it is not trusted, nothing outside of it is read for it. */
  readonly workspace: string
}

const TOLD_EVERY_MS = 10_000

/** The command line's own functions, with the plugins that come with it. What runs models runs in `child.mjs` and `retrain-child.mjs` beside this bundle. */
export function bundledEngine({ onnxruntime, trusted, workspace }: BundledEngine): Engine {
  const beside = (file: string) => new URL(file, import.meta.url)
  const engine = { onnxruntime, evaluateChild: beside('./child.mjs'), retrainChild: beside('./retrain-child.mjs') }
  return ({ inputs, workingDirectory, folder, signal }) =>
    run({
      ...(inputs.config === undefined ? {} : { config: inputs.config }),
      overrides: overridesOf(inputs),
      cwd: workingDirectory,
      outDir: folder,
      trusted,
      workspace,
      engine,
      progress: { begin, note: log.info },
      signal,
    })
}

type Overrides = NonNullable<NonNullable<Parameters<typeof run>[0]>['overrides']>

function overridesOf(inputs: RunInputs): Overrides {
  const { models, sparsity, threshold, ratio, target, recover, maxDrop, allowWorthlessReference, config: _, ...same } = inputs
  const gate = {
    ...(maxDrop === undefined ? {} : { maxDrop }),
    ...(allowWorthlessReference === undefined ? {} : { allowWorthlessReference }),
  }
  return {
    ...same,
    ...(models.length === 0 ? {} : { models }),
    ...(sparsity === undefined ? {} : { target: { sparsity } }),
    ...(threshold === undefined ? {} : { target: { threshold } }),
    ...(ratio === undefined ? {} : { target: { ratio } }),
    ...(target === undefined ? {} : { target: budgetOf(target) }),
    ...(recover === undefined ? {} : { recover: recover === 'repair,retrain' ? { repair: true, retrain: {} } : recover }),
    ...(Object.keys(gate).length === 0 ? {} : { gate }),
  }
}

function budgetOf({ kind, fraction }: NonNullable<RunInputs['target']>): NonNullable<Overrides['target']> {
  switch (kind) {
    case 'macs':
      return { macs: fraction }
    case 'parameters':
      return { parameters: fraction }
    case 'bytes':
      return { bytes: fraction }
    case 'latency':
      return { latency: fraction }
    default:
      return kind satisfies never
  }
}

/** A line in the log where work begins, and one every ten seconds while it lasts. */
function begin(label: string): { update(done: number, total: number, told?: string): void; end(): void } {
  log.info(label)
  const state = { told: Date.now() }
  return {
    update(done, total, told) {
      if (Date.now() - state.told < TOLD_EVERY_MS || !(total > 0)) return
      state.told = Date.now()
      log.info(`${label}: ${told ?? `${Math.floor((100 * done) / total)} %`}`)
    },
    end: () => {},
  }
}
