import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { openRegular, readRegular, systemCode, unreadable } from './regular-file.js'

const folder = mkdtempSync(join(tmpdir(), 'pare-regular-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('a regular file is read, and not more than is allowed', async () => {
  const path = join(folder, 'a.txt')
  writeFileSync(path, 'seven b')
  const { handle, size } = await openRegular(path)
  await handle.close()
  expect([size, (await readRegular(path)).toString()]).toEqual([7, 'seven b'])
  await expect(readRegular(path, { what: 'a config', maxBytes: 6 })).rejects.toThrow(
    '7 bytes, more than the 6 that are read of a config',
  )
})

it.skipIf(process.platform === 'win32')('folders, pipes and devices are refused, and not waited for', async () => {
  execFileSync('mkfifo', [join(folder, 'pipe')])
  await expect(openRegular(folder)).rejects.toThrow('is a folder, expected an ONNX file')
  await expect(openRegular(join(folder, 'pipe'))).rejects.toThrow('is a named pipe, expected an ONNX file')
  await expect(openRegular('/dev/null', 'a config')).rejects.toThrow('/dev/null is a device, expected a config')
})

it('why a file cannot be opened is said, with what to do', async () => {
  const missing = await openRegular(join(folder, 'none')).catch((error: unknown) => error)
  expect(String(missing)).toContain('none does not exist.')
  expect(systemCode(missing)).toBe('ENOENT')
  expect(systemCode(new Error('plain'))).toBeUndefined()
  const of = (code: string) => unreadable('a', Object.assign(new Error(code), { code }))
  expect(of('ENOTDIR').message).toBe('a does not exist.')
  expect([of('EMFILE').message, of('EMFILE').hint]).toEqual([
    'a cannot be opened: too many files are open.',
    expect.stringContaining('ulimit -n'),
  ])
  expect(of('EACCES').message).toBe('a cannot be read: EACCES.')
})
