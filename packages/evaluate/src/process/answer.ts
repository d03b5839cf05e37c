import { rmSync } from 'node:fs'
import { PareError } from '@pare/onnx'
import { UntrustedError } from '../data/rows/inside.js'
import { ownFolder } from './environment.js'
import type { Ask, Reply, Talk } from './job.js'

/**
 * The entry of a child process that `runChild` starts: one job comes in, progress and one result or failure go out. What `work` gives is the result,
 * what it throws the failure.
 */
export function answerJob<Job>(work: (job: Job, talk: Talk, ask: Ask) => Promise<unknown>): void {
  process.once('message', async (job: Job) => {
    const talk: Talk = (reply) => new Promise((done) => process.send?.(reply, () => done()))
    const ask: Ask = async <Answer>(outcome: unknown) => {
      const answered = new Promise<{ answer?: Answer }>((resolve) => process.once('message', resolve))
      await talk({ kind: 'ask', outcome })
      return (await answered).answer
    }
    try {
      await talk({ kind: 'result', result: await work(job, talk, ask) })
    } catch (error) {
      await talk(failure(error))
    }
    process.disconnect()
  })
  // A terminal sends Ctrl-C to both; the parent decides.
  process.on('SIGINT', () => {})
  // The parent is gone: nobody waits for the result.
  const leave = () => {
    const folder = ownFolder(process.env)
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    process.exit()
  }
  process.on('disconnect', leave)
  // It may have gone while this was being loaded.
  if (!process.connected) leave()
}

function failure(error: unknown): Reply {
  if (error instanceof PareError) {
    return { kind: 'failure', message: error.message, hint: error.hint, untrusted: error instanceof UntrustedError }
  }
  return { kind: 'bug', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}
