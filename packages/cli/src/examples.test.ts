import { existsSync } from 'node:fs'
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { pare } from './testing/terminal.js'

const EXAMPLES = fileURLToPath(new URL('../../../examples/', import.meta.url))

let out = ''
beforeAll(async () => {
  out = await realpath(await mkdtemp(join(tmpdir(), 'pare-examples-')))
})
afterAll(() => rm(out, { recursive: true }))

// The page of examples/browser is tried in @pare/gpu.
const GATES = (await readdir(EXAMPLES)).filter((name) => existsSync(join(EXAMPLES, name, 'pare.config.json')))

it.each(GATES)('examples/%s passes its gate', async (name) => {
  const { exitCode, stderr } = await pare(['run', '--out', join(out, name)], { cwd: join(EXAMPLES, name) })
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
})
