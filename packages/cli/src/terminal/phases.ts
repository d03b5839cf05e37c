import type { Activity, Progress } from './progress.js'

/** Work that goes to and fro between things of different length, told of one at a time. */
export interface Phases extends Disposable {
  /** `done` of `total` of this; what was told of before has ended. */
  at(what: string, state: { readonly done: number; readonly total?: number; readonly message?: string }): void
}

export function phasesOf(progress: Progress, label: string): Phases {
  let current: { readonly what: string; readonly activity: Activity } | undefined
  return {
    at(what, { done, total = 0, message }) {
      if (current?.what !== what) {
        current?.activity.end()
        current = { what, activity: progress.begin(`${label}: ${what}`) }
      }
      current.activity.update(done, total, message)
    },
    [Symbol.dispose]: () => current?.activity.end(),
  }
}
