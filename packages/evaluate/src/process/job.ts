import type { YieldRequest } from '../data/module.js'
import type { CompareRequest } from '../measure/compare.js'
import type { ConstantsRequest } from '../measure/constants.js'
import type { ForwardPart, ForwardRequest } from '../measure/forward.js'
import type { LatencyRequest } from '../measure/latency/latency.js'
import type { LookRequest } from '../measure/look.js'
import type { RelayRequest } from '../measure/relay/relay.js'
import type { RenamedRequest } from '../measure/renamed.js'
import type { TrialRequest } from '../measure/trials/trials.js'
import type { Provider } from './provider.js'
import type { EvaluateRequest } from './request.js'

/** What the child is to do. */
export type Job =
  | { readonly kind: 'evaluate'; readonly request: EvaluateRequest }
  | { readonly kind: 'describe'; readonly model: string }
  | { readonly kind: 'look'; readonly request: LookRequest }
  | { readonly kind: 'compare'; readonly request: CompareRequest }
  | { readonly kind: 'renamed'; readonly request: RenamedRequest }
  | { readonly kind: 'latency'; readonly request: LatencyRequest }
  | { readonly kind: 'forward'; readonly request: ForwardRequest }
  | { readonly kind: 'relay'; readonly request: RelayRequest }
  | { readonly kind: 'trials'; readonly request: TrialRequest }
  | { readonly kind: 'constants'; readonly request: ConstantsRequest }
  | { readonly kind: 'digest'; readonly request: YieldRequest }

/** What the child does it with. */
export interface Setup {
  /** Absolute path of an onnxruntime-node package. Default: the one that the project has, else one that is fetched once on this machine. */
  readonly onnxruntime?: string
  /** Where ONNX Runtime computes. Default: 'cpu' */
  readonly provider?: Provider
  /** URL of a module imported first, which lets Node import TypeScript data modules: import.meta.resolve('jiti/register'). */
  readonly loader?: string
}

/** What the child says. */
export type Reply =
  | { readonly kind: 'progress'; readonly progress: unknown }
  | { readonly kind: 'part'; readonly part: ForwardPart }
  | { readonly kind: 'ask'; readonly outcome: unknown }
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'failure'; readonly message: string; readonly hint: string | undefined; readonly untrusted: boolean }
  | { readonly kind: 'bug'; readonly stack: string }

/** How a child tells whoever started it what it does. */
export type Talk = (reply: Reply) => Promise<void>

/** How a child asks whoever started it what to do next, with what came out so far. Undefined: nothing more */
export type Ask = <Answer>(outcome: unknown) => Promise<Answer | undefined>

/** Does a job: what comes of it is the result, what it throws the failure. */
export type JobFunction = (job: Job & Setup, talk: Talk, ask: Ask) => Promise<unknown>
