import { type ChildOptions, runChild } from '../../process/process.js'
import type { EvaluationProgress } from '../../process/request.js'
import type { ForwardPart, ForwardResult } from '../forward.js'
import { meeting } from '../meeting.js'
import type { RelayRequest, RelayState, SegmentRequest, ShapesOfFew } from './relay.js'

/** Data in a child process that run through segments of a model. Disposing of it ends the child at once, and what it stored is gone. */
export interface RelayProcess extends AsyncDisposable {
  /** What was read. */
  readonly forwarded: ForwardResult
  /** Runs a segment: what it gives, batch by batch. One call at a time, to its end. Throws like `evaluate`. */
  run(segment: SegmentRequest, onProgress?: (progress: EvaluationProgress) => void): AsyncGenerator<ForwardPart>
  /** What the segment that ran last stored. */
  readonly stored: RelayState['stored']
}

/** What a child asks for. */
export type RelayQuestion =
  | { readonly kind: 'most-samples'; readonly shapes: ShapesOfFew }
  | { readonly kind: 'next'; readonly state: RelayState }

export interface RelayOptions extends Omit<ChildOptions, 'onProgress' | 'onPart' | 'onAsk'> {
  /** How many samples the whole model can take at once. */
  mostSamples(shapes: ShapesOfFew): Promise<number>
}

/** Reads data in a child process, in which segments of a model run over them. What passes from segment to segment stays there. */
export async function openRelay(request: RelayRequest, { mostSamples, ...options }: RelayOptions): Promise<RelayProcess> {
  const { signal } = options
  const stop = new AbortController()
  const segments = meeting<SegmentRequest>()
  const events = meeting<RelayEvent>()
  let progress: ((progress: EvaluationProgress) => void) | undefined
  const ended = runChild({ kind: 'relay', request }, request.name, {
    ...options,
    signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
    onProgress: (state) => progress?.(state),
    onPart: (part) => events.give({ kind: 'part', part }),
    async onAsk(outcome) {
      const question = outcome as RelayQuestion
      if (question.kind === 'most-samples') return mostSamples(question.shapes)
      events.give(question)
      return segments.take()
    },
  })
  const settled = ended.then(
    () => {},
    (reason: unknown) => events.give({ kind: 'failure', reason }),
  )
  const close = async () => {
    stop.abort()
    await settled
  }
  const take = async () => {
    const event = await events.take()
    if (event.kind !== 'failure') return event
    await settled
    throw event.reason
  }
  const first = await take()
  if (first.kind === 'part') throw new Error('a part came before a segment was asked for')
  let { state } = first
  return {
    get forwarded() {
      return state.forwarded
    },
    get stored() {
      return state.stored
    },
    async *run(segment, onProgress) {
      progress = onProgress
      segments.give(segment)
      for (let event = await take(); ; event = await take()) {
        if (event.kind === 'part') yield event.part
        else {
          state = event.state
          return
        }
      }
    },
    [Symbol.asyncDispose]: close,
  }
}

type RelayEvent =
  | { readonly kind: 'part'; readonly part: ForwardPart }
  | { readonly kind: 'next'; readonly state: RelayState }
  | { readonly kind: 'failure'; readonly reason: unknown }
