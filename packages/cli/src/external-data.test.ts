import { link, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SparseSession } from '@pare/sparse'
import { describe, expect, it } from 'vitest'
import { run } from './pipeline/run.js'
import { type Entries, externalModel } from './testing/external-model.js'
import { type Folder, fixture } from './testing/folder.js'
import { pare } from './testing/terminal.js'

/** As many bytes as the weight takes: what would be read stands in messages, reports or outputs if anything did. */
const SECRET = 'AUTHORIZATION: basic c2VjcmV0 '.repeat(100).slice(0, 64 * 10 * 4)

const at = (location: string, ...more: Entries): Entries => [['location', location], ...more]

/** What external data have been used for: CVE-2022-25882, CVE-2024-27318, CVE-2026-27489, CVE-2026-34445 to 34447, and differences between readers. */
const CASES: Readonly<Record<string, Entries>> = {
  'out of the folder': at('../secret'),
  'out of the folder by a detour': at('sub/../../secret'),
  'out of the folder behind a name that begins in it': at('./sub/.././../secret'),
  'with a backslash': at('sub\\..\\..\\secret'),
  'with a backslash in a name that is there': at('sub\\w'),
  'at an absolute path': at('/etc/passwd'),
  'with the scheme of a file': at('file:///etc/passwd'),
  'through a symbolic link': at('link'),
  'through a folder that is a symbolic link': at('up/secret'),
  'in .git': at('.git/config'),
  'in memory of ONNX Runtime': at('*/_ORT_MEM_ADDR_/*', ['offset', '4096'], ['length', '2560']),
  'in memory, by the other name': at('*/_ORT_NATIVE_ENDIAN_MEM_ADDR_/*', ['offset', '4096']),
  'a folder': at('sub'),
  'a device': at('/dev/zero'),
  'behind a NUL': at('w.data\0/../secret'),
  nowhere: at(''),
  'without a location': [['offset', '0']],
  'named twice': [...at('w.data'), ...at('../secret')],
  'with two offsets': at('w.data', ['offset', '0'], ['offset', '4']),
  'packed before': at('w.data', ['prepacked_0', 'MatMul|0;2560;x']),
  'with an entry that sets an attribute': at('w.data', ['__class__', 'x']),
  'with an offset below zero': at('w.data', ['offset', '-4096']),
  'with an offset beyond the file': at('w.data', ['offset', '9007199254740990']),
  'with an offset beyond all numbers': at('w.data', ['offset', '99999999999999999999999']),
  'with a length beyond the file': at('w.data', ['length', '1099511627776']),
}

const DATA = ['--data', 'val.npz']

const COMMANDS: readonly (readonly string[])[] = [
  ['inspect', 'evil.onnx', '--all'],
  ['plan', 'evil.onnx'],
  ['prune', 'evil.onnx'],
  ['prune', 'evil.onnx', '--recover', 'retrain', '--train', 'val.npz'],
  ['replay', 'some.plan.json', 'evil.onnx'],
  ['replay', 'some.plan.json', 'model.onnx', '--like', 'evil.onnx'],
  ['evaluate', 'evil.onnx', ...DATA],
  ['evaluate', 'model.onnx', ...DATA, '--metric', 'agreement', '--reference', 'evil.onnx'],
  ['calibrate', 'evil.onnx', ...DATA, '--out', 'stats.pare'],
  ['sensitivity', 'evil.onnx', ...DATA],
  ['bench', 'evil.onnx', 'model.onnx', '--runs', '2'],
  ['check', 'evil.onnx', ...DATA],
  ['run', 'evil.onnx', ...DATA, '--metric', 'accuracy', '--max-drop', '0.9'],
]

async function hostileFolder(entries: Entries): Promise<Folder & { readonly work: string }> {
  const folder = await fixture()
  const work = join(folder.path, 'work')
  const place = (name: string) => join(work, name)
  for (const name of ['sub', '.git', '*/_ORT_MEM_ADDR_', '*/_ORT_NATIVE_ENDIAN_MEM_ADDR_']) {
    await mkdir(place(name), { recursive: true })
  }
  await writeFile(join(folder.path, 'secret'), SECRET)
  for (const name of ['w.data', 'sub/w', 'sub\\w', '*/_ORT_MEM_ADDR_/*', '*/_ORT_NATIVE_ENDIAN_MEM_ADDR_/*', '.git/config'])
    await writeFile(place(name), SECRET)
  await symlink('../secret', place('link'))
  await symlink('..', place('up'))
  await link(join(folder.path, 'secret'), place('hard'))
  for (const name of ['model.onnx', 'val.npz']) await symlink(`../${name}`, place(name))
  await writeFile(place('evil.onnx'), externalModel(entries))
  await writeFile(place('some.plan.json'), JSON.stringify({ schemaVersion: 1, kind: 'plan', steps: [] }))
  return { ...folder, work, files: folder.files, [Symbol.asyncDispose]: folder[Symbol.asyncDispose] }
}

/** Those whose reader is not the one of all others, or that hand the file to ONNX Runtime. */
/** All others run some model. */
const QUICK = new Set(['inspect', 'evaluate'])

const SEVERAL = new Set(['in memory of ONNX Runtime', 'with two offsets', 'through a symbolic link'])

describe.skipIf(process.platform === 'win32')('external data', () => {
  it.each(Object.entries(CASES))('%s are refused by every command, and by what runs sparse models', async (name, entries) => {
    await using folder = await hostileFolder(entries)
    const before = await folder.files()
    for (const argv of SEVERAL.has(name) ? COMMANDS : COMMANDS.filter(([command]) => QUICK.has(command!))) {
      const { exitCode, stdout, stderr } = await pare(argv, { cwd: folder.work })
      const said = `pare ${argv.join(' ')}: ${stdout}${stderr}`
      expect([2, 3], said).toContain(exitCode)
      expect(said).not.toMatch(/AUTHORIZATION|c2VjcmV0|unexpected|root:/)
    }
    const made = (await folder.files()).filter((each) => !before.includes(each) && /\.onnx$|\.pare$|\.npz$/.test(each))
    expect(made).toEqual([])
    await expect(SparseSession.create(join(folder.work, 'evil.onnx'))).rejects.toThrow(/tensor 'w'|external data/)
  })

  it('with a second hard link are refused where the checkout is not trusted', async () => {
    await using folder = await hostileFolder(at('hard'))
    await rm(join(folder.work, 'val.npz'))
    await rename(join(folder.path, 'val.npz'), join(folder.work, 'val.npz'))
    const overrides = { models: ['evil.onnx'], evaluate: { data: 'val.npz', metric: 'accuracy' } }
    const { results } = await run({ cwd: folder.work, trusted: false, config: {}, overrides })
    expect(results.models[0]?.verdict).toBe('incomplete')
    expect(JSON.stringify(results)).toContain('has 2 hard links, expected 1')
  })

  it('in a file beside the model are read, so that the cases above are refused for what they are', async () => {
    await using folder = await hostileFolder(at('w.data', ['offset', '0'], ['length', '2560'], ['checksum', 'da39a3ee']))
    const { exitCode, stdout, stderr } = await pare(['evaluate', 'evil.onnx', ...DATA, '--metric', 'cross-entropy'], {
      cwd: folder.work,
    })
    expect(`${stdout}${stderr}`).toContain('cross-entropy')
    expect(exitCode).toBe(0)
  })
})
