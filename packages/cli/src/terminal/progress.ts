import { formatDuration } from '@pare/gate'
import type { SingleBar } from 'cli-progress'
import { type Io, isInteractive } from './io.js'
import { clipped, guarded, visible } from './visible.js'

/** Tells what is going on, on stderr. */
export interface Progress {
  /** Work that takes a while begins. */
  begin(label: string): Activity
  /** A line that stays. */
  note(text: string): void
}

export interface Activity {
  /** `done` of `total`, in any unit. `message` says more than a percentage. */
  update(done: number, total: number, message?: string): void
  end(): void
}

/** Nothing is told. */
export const silence: Progress = { begin: () => ({ update: () => {}, end: () => {} }), note: () => {} }

/** Bars on a terminal, plain lines elsewhere, nothing when quiet. */
export async function makeProgress(io: Io, quiet: boolean): Promise<Progress> {
  if (quiet) return silence
  if (!isInteractive(io.stderr, io.env)) return lines(io)
  const { SingleBar } = await import('cli-progress')
  return bars(
    io,
    (label) =>
      new SingleBar({ ...BAR, stream: io.stderr as NodeJS.WritableStream, format: `${label} {bar} {percentage}%{message}` }),
  )
}

const BAR = { barCompleteChar: '█', barIncompleteChar: '░', barsize: 24, hideCursor: true, clearOnComplete: true, fps: 10 }

/** A CI log: a line where work begins, and one every ten seconds while it lasts. */
function lines({ stderr, now }: Io): Progress {
  return {
    note: (text) => void stderr.write(`${lineOf(text)}\n`),
    begin(label) {
      stderr.write(`${lineOf(label)}\n`)
      let lastLine = now()
      return {
        update(done, total, more) {
          if (now() - lastLine < 10_000 || !(total > 0)) return
          lastLine = now()
          stderr.write(`${lineOf(`${label}: ${more ?? `${Math.floor((100 * done) / total)} %`}`)}\n`)
        },
        end: () => {},
      }
    },
  }
}

function bars({ stderr, now }: Io, makeBar: (label: string) => SingleBar): Progress {
  return {
    note: (text) => void stderr.write(`${lineOf(text)}\n`),
    begin(label) {
      // Braces have a meaning in the format of a bar.
      const bar = makeBar(lineOf(label).replace(/[{}]/g, '_'))
      const start = now()
      bar.start(1, 0, { message: '' })
      return {
        update: (done, total, message) =>
          bar.update(total > 0 ? Math.min(1, done / total) : 0, { message: message === undefined ? '' : ` ${lineOf(message)}` }),
        end() {
          bar.stop()
          stderr.write(`${lineOf(`${label} ${formatDuration(now() - start)}`)}\n`)
        },
      }
    },
  }
}

/** A line that tells what is going on. */
const MOST_CHARACTERS = 2000

/** What is told has names of others in it: it is one line, whatever they hold. */
function lineOf(text: string): string {
  return guarded(visible(clipped(text, MOST_CHARACTERS)))
}
