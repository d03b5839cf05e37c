import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { makeTemporaryFolder } from './temporary-folder.js'

const place = realpathSync(mkdtempSync(join(tmpdir(), 'onnx-')))
afterAll(() => rmSync(place, { recursive: true }))

/** What a process of its own, in a place of its own, makes. */
function madeElsewhere(): string {
  const module = fileURLToPath(new URL('../../dist/files/temporary-folder.js', import.meta.url))
  const script = `import(${JSON.stringify(module)}).then((m) => process.stdout.write(m.makeTemporaryFolder('run')))`
  return execFileSync(process.execPath, ['-e', script], {
    env: { ...process.env, TMPDIR: place, TEMP: place, TMP: place },
  }).toString()
}

test('what a process that has ended left behind goes when the next one makes a folder, and nothing else does', () => {
  const [first, second] = [madeElsewhere(), madeElsewhere()]
  expect(existsSync(first)).toBe(false)
  expect(existsSync(second)).toBe(true)
  writeFileSync(join(second, 'model.onnx'), '')
  const keep = ['pare-run-00000000-1-abcdef', 'pare-run', 'other'].map((name) => join(place, name))
  for (const path of keep) mkdirSync(path)
  const living = join(place, basename(second).replace(/-\d+-\w+$/, `-${process.pid}-abcdef`))
  mkdirSync(living)
  const victim = join(place, 'victim')
  mkdirSync(victim)
  if (process.platform !== 'win32') symlinkSync(victim, join(place, basename(second).replace(/\w{6}$/, 'linked')))
  const third = madeElsewhere()
  expect(existsSync(second)).toBe(false)
  for (const path of [...keep, living, victim, third]) expect(existsSync(path), path).toBe(true)
})

test('a folder has a name of its own', () => {
  const folders = [makeTemporaryFolder('proof'), makeTemporaryFolder('proof')]
  expect(new Set(folders).size).toBe(2)
  for (const folder of folders) {
    expect(basename(folder)).toMatch(/^pare-proof-[0-9a-f]{8}-\d+-\w{6}$/)
    rmSync(folder, { recursive: true })
  }
})
