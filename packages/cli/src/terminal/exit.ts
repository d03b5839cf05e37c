/** How a command ends. `untrusted`: something executable was asked for where the checkout is not trusted. */
export const EXIT = { pass: 0, fail: 1, usage: 2, infrastructure: 3, untrusted: 4, interrupted: 130 } as const

/** What the exit codes say, for help, `pare explain` and the README. */
export const EXIT_CODES: readonly ExitCode[] = [
  {
    code: EXIT.pass,
    names: ['pass'],
    meaning: 'done; all models pass',
    advice: 'Nothing is to be done. What was written is named at the end of the output, and the report shows what it cost.',
  },
  {
    code: EXIT.fail,
    names: ['fail', 'failed'],
    meaning: 'a gate failed',
    advice:
      'The reasons stand below the table and in report.html, with what to do. Prune less (--sparsity, --ratio), win back what was lost (--recover repair, --recover retrain), or let Pare find how much can go: --target max-drop=0.01.',
  },
  {
    code: EXIT.usage,
    names: ['usage'],
    meaning: 'wrong options, config or input: nothing was run',
    advice:
      'The message names the option, the value and what was expected, and its hint says what to write. pare check looks at all settings and data of a run without running it.',
  },
  {
    code: EXIT.infrastructure,
    names: ['incomplete'],
    meaning: 'incomplete: something broke or could not be measured',
    advice:
      'It is no pass and no failure: the reason stands beside the model. Often a time or memory limit, a full disk, missing shards, or a reference that is no better than a guess. Mend that and run the same command again; --verbose prints the stack trace.',
  },
  {
    code: EXIT.untrusted,
    names: ['untrusted'],
    meaning: 'something executable was refused because the code is not trusted',
    advice:
      'In pull requests from forks nothing of the checkout is executed. Use a config in JSON or YAML, plugins that come with Pare and data that are no module; or run it on a branch of the repository itself.',
  },
  {
    code: EXIT.interrupted,
    names: ['interrupted'],
    meaning: 'interrupted; what was there before is as it was',
    advice: 'Run the same command again. Calibration, searches and shards go on where they were.',
  },
]

export interface ExitCode {
  readonly code: number
  /** What the verdict or the message calls it. */
  readonly names: readonly string[]
  readonly meaning: string
  /** What to do then. */
  readonly advice: string
}
