import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const PACKAGES = fileURLToPath(new URL('../../../', import.meta.url))

/** What opens a file by its name to write to it. */
const WRITER =
  /\b(writeFile|appendFile|createWriteStream|copyFile|truncate|cp|link|symlink)(Sync)?\(|\bopen(Sync)?\([^()]*'[wa]|'r\+'/

/** Each with the reason why no link can wait for it. */
const ALLOWED: Readonly<Record<string, string>> = {
  'onnx/src/files/new-file.ts': 'the one that all others use',
  'cli/src/files/lock.ts': "opens with 'wx', which follows no link, and is never renamed",
  'onnx/src/files/data-names.ts': "opens with 'wx' to take a name; what is written there goes through the one function",
  'evaluate/src/measure/constants.ts': "opens with 'wx' in a folder that was made for it",
  'evaluate/src/measure/relay-store.ts': "opens with 'wx+' in a folder that was made for it",
  'cli/src/files/search-state.ts': 'appends to a file that the one function has just put in its place',
  'action/src/artifact.ts': 'copies to a folder that was made for it',
  'action/src/base-lock.ts': 'writes to a folder that was made for it',
  'action/src/summary.ts': 'appends to the file that the runner names, which no checkout can reach',
}

it('no file is written but by the one function that follows no link', async () => {
  const names: string[] = []
  for (const { name } of (await readdir(PACKAGES, { withFileTypes: true })).filter((entry) => entry.isDirectory())) {
    const files = await readdir(join(PACKAGES, name, 'src'), { recursive: true }).catch(() => [])
    for (const file of files.filter((each) => each.endsWith('.ts') && !/\.test\.|^testing\//.test(each))) {
      const text = await readFile(join(PACKAGES, name, 'src', file), 'utf8')
      const writes = text.split('\n').some((line) => WRITER.test(line) && !/^\s*(\*|\/\/|\/\*)/.test(line))
      if (writes) names.push(`${name}/src/${file.replaceAll('\\', '/')}`)
    }
  }
  expect(names.sort()).toEqual(Object.keys(ALLOWED).sort())
})
