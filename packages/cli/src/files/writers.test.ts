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
  'evaluate/src/measure/relay/relay-store.ts': "opens with 'wx+' in a folder that was made for it",
  'cli/src/files/search-state.ts': 'appends to a file that the one function has just put in its place',
  'action/src/report/artifact.ts': 'copies to a folder that was made for it',
  'action/src/base-lock.ts': 'writes to a folder that was made for it',
  'action/src/report/reported.ts': 'writes to a folder that was made for it',
  'cli/src/plugins/check/check-laws.ts': 'writes to a folder that was made for it',
  'cli/src/sharding/blob.ts': 'copies to where no file is yet, in a folder that was made for it',
  'cli/src/sharding/reuse.ts': 'copies to where no file is yet, in a folder that was made for it',
  'create-pare-plugin/src/scaffold.ts': "writes with 'wx', which follows no link",
  'evaluate/src/measure/sharing/recording.ts': "opens with 'wx', which follows no link",
  'action/src/report/summary.ts': 'appends to the file that the runner names, which no checkout can reach',
}

/** What makes a folder for temporary files. */
const TEMPORARY = /\bmkdtemp(Sync)?\(/

const ALLOWED_TEMPORARY: Readonly<Record<string, string>> = {
  'onnx/src/files/temporary-folder.ts': 'the one that all others use: it removes what killed processes left behind',
  'cli/src/files/publication.ts': 'inside the output folder, with its owner written in it',
  'onnxruntime/src/unpack.ts': 'beside the place that is filled',
  'action/src/action.ts': 'the runner empties its folder for temporary files',
  'action/src/report/artifact.ts': 'the runner empties its folder for temporary files',
  'action/src/base-lock.ts': 'the runner empties its folder for temporary files',
}

it('no file is written but by the one function that follows no link', async () => {
  expect(await filesWith(WRITER)).toEqual(Object.keys(ALLOWED).sort())
})

it('no folder for temporary files is made but by the one function that finds it again', async () => {
  expect(await filesWith(TEMPORARY)).toEqual(Object.keys(ALLOWED_TEMPORARY).sort())
})

/** Sources in which a line that is no comment matches. */
async function filesWith(pattern: RegExp): Promise<readonly string[]> {
  const names: string[] = []
  for (const { name } of (await readdir(PACKAGES, { withFileTypes: true })).filter((entry) => entry.isDirectory())) {
    const files = await readdir(join(PACKAGES, name, 'src'), { recursive: true }).catch(() => [])
    for (const file of files.filter((each) => each.endsWith('.ts') && !/\.test\.|^testing\//.test(each))) {
      const text = await readFile(join(PACKAGES, name, 'src', file), 'utf8')
      const writes = text.split('\n').some((line) => pattern.test(line) && !/^\s*(\*|\/\/|\/\*)/.test(line))
      if (writes) names.push(`${name}/src/${file.replaceAll('\\', '/')}`)
    }
  }
  return names.sort()
}
