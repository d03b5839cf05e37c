import { basename } from 'node:path'
import { type SessionPlan, SparseSession } from '@pare/sparse'
import type { ModelValue } from '../data/model-value.js'
import { type Runtime, type Session, toArray, toTensor } from '../process/runtime.js'

/** What can be timed. */
export type Runnable = Pick<Session, 'name' | 'inputs' | 'runAll'>

/** A model with sparse weights that runs the faster of two ways. */
export interface SparseRun extends Runnable, AsyncDisposable {
  /** What the last run did, and why. */
  plan(): SessionPlan
}

/** Inputs are those of the model, as a session of ONNX Runtime states them. */
export async function openSparse(
  { ort }: Runtime,
  path: string,
  { threads, inputs }: { readonly threads: number; readonly inputs: readonly ModelValue[] },
): Promise<SparseRun> {
  const session = await SparseSession.create(path, { ort, threads, outlook: true })
  return {
    name: basename(path),
    inputs,
    plan: () => session.plan,
    async runAll(arrays) {
      const feeds = Object.entries(arrays).map(([name, array]) => [name, toTensor(ort, array)])
      const results = await session.run(Object.fromEntries(feeds))
      return session.outputNames.map((name) => toArray(results[name]!, path))
    },
    [Symbol.asyncDispose]: () => session.release(),
  }
}
