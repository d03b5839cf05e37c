import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, expect, test, vi } from 'vitest'
import { put, temporaryFolder } from '../fixture.test.files.js'
import { runChild } from './process.js'

const folder = temporaryFolder()
const job = { kind: 'describe', model: 'm.onnx' } as const
/** A child that runs this code when it gets its job. */
const child = (name: string, code: string) =>
  pathToFileURL(put(folder, `${name}.mjs`, `process.once('message', async (job) => { ${code} })`))
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

afterEach(() => vi.unstubAllEnvs())

test('the result comes back, and the child ends', async () => {
  const entry = child(
    'answers',
    "process.send({ kind: 'result', result: { pid: process.pid, model: job.model } }, () => process.disconnect())",
  )
  const { result } = await runChild(job, 'm.onnx', { child: entry })
  expect(result).toMatchObject({ model: 'm.onnx' })
  expect(isAlive((result as { pid: number }).pid)).toBe(false)
})

test('a native crash is the failure of that model, with the end of what it said', async () => {
  const entry = child('crashes', "process.stderr.write('bad tensor\\n', () => process.abort())")
  const failure = runChild(job, 'm.onnx', { child: entry })
  await expect(failure).rejects.toMatchObject({ name: 'PareError', hint: expect.any(String) })
  await expect(failure).rejects.toThrow(/^m\.onnx: the model crashed the run time \((SIGABRT|exit code \d+)\)\.\n {2}bad tensor/)
})

test('an end without a word is a crash too', async () => {
  await expect(runChild(job, 'm.onnx', { child: child('leaves', 'process.exit(0)') })).rejects.toThrow(
    'crashed the run time (exit code 0)',
  )
})

test('a child that takes too long is ended', async () => {
  const pidFile = join(folder, 'slow.pid')
  const entry = child(
    'slow',
    `(await import('node:fs')).writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); for (;;);`,
  )
  await expect(runChild(job, 'm.onnx', { child: entry, timeoutMs: 3000 })).rejects.toThrow(
    'm.onnx: stopped after 3 s, its time limit.',
  )
  expect(isAlive(Number(readFileSync(pidFile, 'utf8')))).toBe(false)
})

test('a child that takes too much memory is ended', async () => {
  const entry = child('greedy', 'const kept = []; setInterval(() => kept.push(Buffer.alloc(2 ** 26, 1)), 50)')
  const limit = 400 * 2 ** 20
  await expect(runChild(job, 'm.onnx', { child: entry, memoryLimitBytes: limit })).rejects.toThrow(
    /^m\.onnx: stopped at \d+ MiB of resident memory; its limit is 400 MiB\.$/,
  )
})

test('aborting ends the child and gives the reason', async () => {
  const controller = new AbortController()
  const pids: number[] = []
  const entry = child('waits', "process.send({ kind: 'progress', progress: { done: process.pid } }); for (;;);")
  const onProgress = ({ done }: { done: number }) => {
    pids.push(done)
    controller.abort(new Error('Ctrl-C'))
  }
  await expect(runChild(job, 'm.onnx', { child: entry, signal: controller.signal, onProgress })).rejects.toThrow('Ctrl-C')
  expect(isAlive(pids[0]!)).toBe(false)
  await expect(runChild(job, 'm.onnx', { child: entry, signal: controller.signal })).rejects.toThrow('Ctrl-C')
})

test('the child sees no secrets', async () => {
  vi.stubEnv('GITHUB_TOKEN', 'secret')
  vi.stubEnv('NODE_OPTIONS', '--no-warnings')
  const entry = child('tells', "process.send({ kind: 'result', result: Object.keys(process.env) }, () => process.disconnect())")
  const { result } = await runChild(job, 'm.onnx', { child: entry })
  expect(result).toContain('PATH')
  expect(result).not.toContain('GITHUB_TOKEN')
  expect(result).not.toContain('NODE_OPTIONS')
})

test('a child whose parent is gone ends', async () => {
  const pidFile = join(folder, 'orphan.pid')
  const real = new URL('../../dist/child/child.js', import.meta.url)
  const parent = put(
    folder,
    'parent.mjs',
    `import { fork } from 'node:child_process'; import { writeFileSync } from 'node:fs'
     writeFileSync(${JSON.stringify(pidFile)}, String(fork(new URL(${JSON.stringify(real.href)})).pid)); setTimeout(() => process.exit(), 500)`,
  )
  const { execFileSync } = await import('node:child_process')
  execFileSync(process.execPath, [parent])
  const pid = Number(readFileSync(pidFile, 'utf8'))
  for (let i = 0; i < 100 && isAlive(pid); i++) await sleep(100)
  expect(isAlive(pid)).toBe(false)
})

test('a bug of ours is no PareError', async () => {
  const entry = child('bug', "process.send({ kind: 'bug', stack: 'TypeError: x' }, () => process.disconnect())")
  await expect(runChild(job, 'm.onnx', { child: entry })).rejects.toMatchObject({
    name: 'Error',
    message: expect.stringContaining('TypeError: x'),
  })
})

test('a child can be told to come to an end by itself, and is told also where that was decided before', async () => {
  const code =
    "process.on('message', ({ stop }) => stop && process.send({ kind: 'result', result: 'half' }, () => process.disconnect()))"
  const started = child('ends', `${code}; process.send({ kind: 'progress', progress: { told: 1 } })`)
  const stop = new AbortController()
  const messages: unknown[] = []
  const onProgress = (progress: unknown) => {
    messages.push(progress)
    stop.abort()
  }
  expect(await runChild(job, 'm.onnx', { child: started, stop: stop.signal, onProgress })).toMatchObject({ result: 'half' })
  expect(messages).toEqual([{ told: 1 }])
  expect(await runChild(job, 'm.onnx', { child: child('ends at once', code), stop: stop.signal })).toMatchObject({
    result: 'half',
  })
})

test('a child has a folder for temporary files of its own, which is gone afterwards, also when it was ended', async () => {
  const folders: string[] = []
  const tells =
    "const { tmpdir } = await import('node:os'); const { writeFileSync } = await import('node:fs'); writeFileSync(tmpdir() + '/left.txt', ''); process.send({ kind: 'progress', progress: { done: tmpdir() } });"
  const onProgress = ({ done }: { done: unknown }) => folders.push(String(done))
  const ends = child('ends well', `${tells} process.send({ kind: 'result', result: 1 }, () => process.disconnect())`)
  await runChild(job, 'm.onnx', { child: ends, onProgress })
  await expect(
    runChild(job, 'm.onnx', { child: child('crashes', `${tells} setTimeout(() => process.abort(), 200)`), onProgress }),
  ).rejects.toThrow()
  await expect(
    runChild(job, 'm.onnx', { child: child('hangs', `${tells} setInterval(() => {}, 1000)`), onProgress, timeoutMs: 1500 }),
  ).rejects.toThrow('its time limit')
  expect(new Set(folders).size).toBe(3)
  for (const each of folders) {
    expect(each).toMatch(/pare-child-/)
    expect(existsSync(each)).toBe(false)
  }
})

test('ONNX Runtime leaves nothing in the folder for temporary files, and its telemetry is off', async () => {
  const here = mkdtempSync(join(tmpdir(), 'pare-telemetry-'))
  vi.stubEnv('TMPDIR', here)
  const entry = child(
    'runs',
    `const { readdirSync } = await import('node:fs'); const { createRequire } = await import('node:module'); const { tmpdir } = await import('node:os')
     const { InferenceSession } = createRequire(${JSON.stringify(import.meta.url)})('onnxruntime-node')
     await InferenceSession.create(${JSON.stringify(fileURLToPath(new URL('../../../../test-models/mlp-digits.onnx', import.meta.url)))})
     process.send({ kind: 'result', result: [readdirSync(tmpdir()), process.env.ORT_DISABLE_TELEMETRY] }, () => process.disconnect())`,
  )
  expect((await runChild(job, 'm.onnx', { child: entry })).result).toEqual([[], '1'])
  expect(readdirSync(here)).toEqual([])
  rmSync(here, { recursive: true })
})
