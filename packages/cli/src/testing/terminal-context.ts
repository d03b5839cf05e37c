import type { Context } from '../terminal/context.js'
import { silence } from '../terminal/progress.js'

const output = { write: () => true, isTTY: true, columns: 200 }

/** A wide terminal without colours, in the folder /work. */
export const TERMINAL: Context = {
  io: {
    ...{ stdout: output, stderr: output, env: { NO_COLOR: '1' }, cwd: '/work' },
    signal: new AbortController().signal,
    now: () => 0,
  },
  flags: { json: false, quiet: false, verbose: false },
  words: [],
  progress: silence,
}
