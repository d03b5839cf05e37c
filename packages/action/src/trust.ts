import type { Event } from './event.js'
import type { TrustSetting } from './inputs.js'

/** Whether code, native libraries and modules from the workspace may be loaded, and why. */
export interface Trust {
  readonly trusted: boolean
  /** Completes the sentence 'The workspace is (not) trusted: …'. */
  readonly reason: string
}

/** Events that run with the repository's secrets and a writing token whoever wrote the code that was checked out. */
const privileged: ReadonlySet<string> = new Set(['pull_request_target', 'workflow_run', 'issue_comment'])

/** `auto` distrusts a privileged event unless its code is known to come from the repository itself. */
export function decideTrust(setting: TrustSetting, event: Event): Trust {
  switch (setting) {
    case 'always':
      return { trusted: true, reason: "the input 'trust' says always" }
    case 'never':
      return { trusted: false, reason: "the input 'trust' says never" }
    case 'auto':
      if (!privileged.has(event.name)) return { trusted: true, reason: `the event is ${event.name || 'not named'}` }
      if (event.code === 'repository') return { trusted: true, reason: `${event.name} with code of this repository` }
      return {
        trusted: false,
        reason:
          event.code === 'fork'
            ? `${event.name} runs with this repository's secrets on code of a fork`
            : `${event.name} runs with this repository's secrets and does not say whose code it is`,
      }
    default:
      return setting satisfies never
  }
}
