// Jobs of a child process done in the process of the tests, for tests of what is computed: a process for each takes several times as long as most of
// them. That jobs run in processes is held by the tests of those and of evaluate().
import { deserialize, serialize } from 'node:v8'
import { type CompareRequest, compare, type Difference } from './measure/compare.js'
import { type FirstLook, type LookRequest, look } from './measure/look.js'
import { measure } from './measure/measure.js'
import type { EvaluateRequest, Evaluation } from './process/request.js'
import { loadRuntime } from './process/runtime.js'

const runtime = loadRuntime()

/** As a message to or from a process arrives. */
const sent = <Value>(value: Value): Value => deserialize(serialize(value)) as Value

export async function evaluate(request: EvaluateRequest): Promise<Evaluation> {
  return { ...sent(await measure(runtime, sent(request))), peakMemoryBytes: 0 }
}

export async function lookAtData(request: LookRequest): Promise<FirstLook> {
  return sent(await look(runtime, sent(request)))
}

export async function compareModels(request: CompareRequest): Promise<Difference> {
  return sent(await compare(runtime, sent(request)))
}
