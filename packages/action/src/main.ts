import { runAction } from './action.js'

/** Time to publish what there is once the step is cancelled. */
const TIDY_MS = 9_000

const cancelled = new AbortController()
// GitHub sends SIGINT first, SIGTERM 7.5 s later, and kills after 10 s.
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    cancelled.abort(new Error(`cancelled by ${name}`))
    setTimeout(() => process.exit(130), TIDY_MS).unref()
  })
}

const exitCode = await runAction(process.env, cancelled.signal)
// Sockets and timers of a download that was given up may still be open; the callback waits for the output to be written.
process.stdout.write('', () => process.exit(exitCode))
