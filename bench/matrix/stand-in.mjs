// In the place of @pare/evaluate's process.js: the same jobs, done here.
import { compare } from '../../packages/evaluate/dist/measure/compare.js'
import { constants } from '../../packages/evaluate/dist/measure/constants.js'
import { loadRuntime } from '../../packages/evaluate/dist/process/runtime.js'

export { RunError } from '../../packages/evaluate/dist/process/process.js'

const WORK = { compare, constants }

export async function runChild({ kind, request }) {
  const work = WORK[kind]
  if (work === undefined) throw new Error(`a matrix runs no '${kind}'`)
  return { result: await work(loadRuntime(), request), peakMemoryBytes: 0 }
}
