import { readdirSync, readFileSync } from 'node:fs'
import type { RunResults } from '@pare/report'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ActionFailure } from './failure.js'
import * as log from './log.js'
import { publish } from './report/publish.js'

/** As the tests of the command line have them: each would be a line that the runner obeys, or an order to a terminal. */
const EVIL =
  '::stop-commands::xa\n::add-mask::b\n   ::warning::xa\r::set-output name=x::1a ##[error]b\u001b[2J\u001b]0;t\u0007\u009b31m\u202eabc\u2066a\u2028::error::b\u2029\u0085c\u200b'

/** What goes to the log while `work` runs. */
async function logged(work: () => void | Promise<void>): Promise<string> {
  const texts: string[] = []
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    texts.push(String(text))
    return true
  })
  try {
    await work()
  } finally {
    write.mockRestore()
  }
  return texts.join('')
}

afterEach(() => vi.unstubAllEnvs())

/** A line that begins with '::' must be one of our own commands, with everything foreign in it encoded. */
function expectHarmless(text: string): void {
  for (const line of text.split('\n')) {
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
    expect(line).not.toMatch(/##[\w.-]*\[/)
    if (/^\s*::/.test(line)) expect(line).toMatch(/^::(error|warning|set-output|group|endgroup)( |::)/)
  }
}

const decoded = (text: string) => text.replaceAll('%0A', '\n').replaceAll('%0D', '\r').replaceAll('%25', '%')

describe('the log of the action', () => {
  it('has no line, no command and no control of others', async () => {
    const text = await logged(() => {
      log.info(EVIL)
      log.info(`${EVIL}: measuring`)
      log.info(`  ${EVIL}`)
    })
    expectHarmless(text)
    expect(text.trimEnd().split('\n')).toHaveLength(3)
    expect(text).not.toMatch(/^\s*::/m)
  })

  it('shows annotations that stay annotations once they are decoded', async () => {
    const text = await logged(() => {
      log.error(`${EVIL}\n  hint: ${EVIL}`, EVIL)
      log.warning(EVIL, EVIL)
    })
    expectHarmless(text)
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual(['::error', '::warning'])
    // The message, as the runner prints it behind '##[error]'.
    const [, message = ''] = /^::error [^\n]*?::(.*)$/m.exec(text) ?? []
    for (const line of decoded(message).split('\n')) expect(line).not.toMatch(/^\s*::|\p{Cc}/u)
  })

  it('is so for results and failures in which every text is hostile', async () => {
    vi.stubEnv('GITHUB_OUTPUT', '')
    const model = {
      path: EVIL,
      verdict: 'fail',
      reasons: [EVIL],
      warnings: [EVIL, EVIL],
      metric: EVIL,
      steps: [EVIL],
      summary: EVIL,
    }
    const error = { message: EVIL, hint: EVIL, kind: 'usage' }
    const reference = { path: EVIL, bytes: 1, metrics: { [EVIL]: 1 } }
    const models = [{ ...model, error, reference, pruned: { ...reference, sha256: '' } }]
    const results = {
      schemaVersion: 1,
      command: 'run',
      verdict: 'fail',
      models,
      environment: {},
      durationMs: 1,
    } as unknown as RunResults
    const where = { inputs: undefined, env: {}, signal: new AbortController().signal }
    const text = await logged(async () => {
      await publish({ kind: 'results', results, exitCode: 1, folder: '/nowhere' }, where)
      await publish({ kind: 'failure', failure: new ActionFailure('usage', EVIL, { hint: EVIL }) }, where)
    })
    expect(text).toContain('fail')
    expectHarmless(text)
  })

  it('is written to in one place', () => {
    const folder = new URL('./', import.meta.url)
    const writers = readdirSync(folder).filter(
      (name) =>
        /^[\w-]+\.ts$/.test(name) &&
        /core\.(info|notice|warning|error|debug)\(|console\.|stdout\.write\([^'']/.test(
          readFileSync(new URL(name, folder), 'utf8'),
        ),
    )
    expect(writers).toEqual(['log.ts'])
  })
})
