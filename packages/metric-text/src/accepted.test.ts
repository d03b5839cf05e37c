import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type MetricSample, sampleOf } from '@pare/metric'
import { metricValue } from '@pare/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { accepted, passAt } from './accepted.js'

const folder = mkdtempSync(join(tmpdir(), 'pare-accepted-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs what the model wrote behind the prompt, with the tests behind it, as HumanEval's judge does. */
const judge = `python3 -c 'import json, sys; task = json.load(sys.stdin); exec(task["prompt"] + task["answer"] + chr(10) + task["expected"][0], {})'`
const sample = (written: string, expected: string): MetricSample =>
  sampleOf({
    rows: [],
    places: 1,
    isSingle: true,
    text: { answer: written.trim(), written, expected: [expected], prompt: 'def add(a, b):\n' },
  })

const SANDBOXES = ['none', 'bwrap'] as const
const hasBwrap = spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'true']).status === 0

describe.each(SANDBOXES)('in sandbox %s', (sandbox) => {
  const inSandbox = test.skipIf(sandbox === 'bwrap' && !hasBwrap)
  const of = (command: string, seconds = 10) => accepted({ command, sandbox, seconds })

  inSandbox('answers count whose tests pass, with the spaces that the model wrote', () => {
    const python = of(judge)
    const right = sample('    return a + b', 'assert add(1, 2) == 3')
    const wrong = sample('    return a - b', 'assert add(1, 2) == 3')
    const broken = sample('return', 'assert add(1, 2) == 3')
    expect(metricValue(python, [right, wrong, broken, right])).toBe(0.5)
  })

  inSandbox('what takes too long is ended, with what it started, and does not count', () => {
    const left = join(folder, `left-${sandbox}`)
    expect(metricValue(of('sleep 60', 0.3), [sample('', 'x')])).toBe(0)
    if (sandbox === 'bwrap') {
      expect(metricValue(of(`(sleep 1; touch ${left}) & sleep 60`, 0.3), [sample('', 'x')])).toBe(0)
      expect(existsSync(left)).toBe(false)
    }
  })

  inSandbox('its temporary folder is its own, and goes with it', () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('pare-accepted-')).length
    expect(metricValue(of('echo 1 > "$TMPDIR/mine" && test -s "$TMPDIR/mine"'), [sample('', 'x')])).toBe(1)
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('pare-accepted-')).length).toBe(before)
  })

  inSandbox('a command that is not there is no wrong answer', () => {
    expect(() => metricValue(of('no-such-command'), [sample('', 'x')])).toThrow(
      /metric 'accepted': 'no-such-command' cannot be run: .*not found\.$/,
    )
  })
})

test.skipIf(!hasBwrap)('in a sandbox nothing can be written elsewhere, and there is no network', () => {
  const of = (command: string) => metricValue(accepted({ command }), [sample('', 'x')])
  expect(of(`touch ${join(folder, 'written')}`)).toBe(0)
  expect(of(`touch ${join(process.cwd(), 'written-by-a-model')}`)).toBe(0)
  expect(existsSync(join(process.cwd(), 'written-by-a-model'))).toBe(false)
  // The loopback alone.
  expect(
    of(
      'test "$(ls /sys/class/net 2>/dev/null | grep -vc "^lo$")" -ge 0 && ! python3 -c "import socket; socket.create_connection((\'127.0.0.1\', 9), 1)"',
    ),
  ).toBe(1)
})

test('of several answers that are drawn, pass@k counts the ways to choose k of which none is accepted', () => {
  // Of 5 answers 2 are right: of the 10 ways to choose 2 there are 3 without a right one. 1 − 3 ÷ 10.
  expect(passAt(2, { drawn: 5, accepted: 2 })).toBeCloseTo(0.7, 12)
  expect(passAt(1, { drawn: 5, accepted: 2 })).toBeCloseTo(0.4, 12)
  expect([passAt(3, { drawn: 5, accepted: 3 }), passAt(3, { drawn: 5, accepted: 0 })]).toEqual([1, 0])
  const metric = accepted({ command: 'grep -q yes', sandbox: 'none', k: 2, n: 4 })
  expect(metric.needs.draws).toBe(4)
  const drawn = (...draws: string[]) =>
    sampleOf({ rows: [], places: 1, isSingle: true, text: { answer: draws[0]!, draws, expected: ['x'] } })
  // Of 4 answers 1 is right: 3 of 6 ways are without it. The second prompt has none.
  expect(metricValue(metric, [drawn('no', 'yes', 'no', 'no'), drawn('no', 'no', 'no', 'no')])).toBeCloseTo(0.25, 12)
})

test('without a command, or with another sandbox, it is refused', () => {
  expect(() => accepted()).toThrow('accepted: command is missing; a command was expected.')
  const docker = { command: 'true', sandbox: 'docker' as never }
  expect(() => accepted(docker)).toThrow('accepted: sandbox is "docker"; bwrap or none was expected.')
  expect(() => accepted({ command: 'true', seconds: 0 })).toThrow('accepted: seconds is 0')
  expect(() => accepted({ command: 'true', k: 3, n: 2 })).toThrow('accepted: n is 2, and k is 3.')
  expect(() => accepted({ command: 'true', k: 0.5 })).toThrow('accepted: k is 0.5; a whole number from 1 on was expected.')
})
