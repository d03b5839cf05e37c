#!/usr/bin/env node
import { main } from './command-line/command-line.js'

/** Time to tidy up after an interrupt. */
const TIDY_MS = 10_000

const abort = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // The second time nobody wants to wait for tidying up.
    if (abort.signal.aborted) process.exit(130)
    abort.abort()
    // Whatever does not come to an end by itself: nothing that it leaves behind is mistaken for a result.
    setTimeout(() => process.exit(130), TIDY_MS).unref()
  })
}
// The reader of a pipe may leave early (`pare inspect model.onnx | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 3))

const { stdout, stderr, env } = process
process.exitCode = await main(process.argv.slice(2), {
  // Opened only where something is asked.
  get stdin() {
    return process.stdin
  },
  stdout,
  stderr,
  env,
  cwd: process.cwd(),
  signal: abort.signal,
  now: Date.now,
})
