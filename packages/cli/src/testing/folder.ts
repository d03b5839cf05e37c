import { cp, mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Trained models and their data. */
export const TEST_MODELS = fileURLToPath(new URL('../../../../test-models/', import.meta.url))
const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url))

/** A folder of a test's own, gone afterwards. */
export interface Folder extends AsyncDisposable {
  readonly path: string
  /** Below it, with forward slashes, in order. */
  files(): Promise<readonly string[]>
}

/** A copy of `fixtures/<situation>` with `model.onnx` (the MLP on digits) and `val.npz` (its evaluation data) beside. */
export async function fixture(situation?: string, files: Readonly<Record<string, string>> = {}): Promise<Folder> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'pare-cli-')))
  if (situation !== undefined) await cp(join(FIXTURES, situation), path, { recursive: true })
  await cp(join(TEST_MODELS, 'mlp-digits.onnx'), join(path, 'model.onnx'))
  await cp(join(TEST_MODELS, 'data/digits-evaluate.npz'), join(path, 'val.npz'))
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), text)
  }
  return {
    path,
    async files() {
      const entries = await readdir(path, { recursive: true, withFileTypes: true })
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) =>
          join(entry.parentPath, entry.name)
            .slice(path.length + 1)
            .replaceAll('\\', '/'),
        )
        .sort()
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}
