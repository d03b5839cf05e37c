import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { readActionYml, repository } from './testing/action-yml.js'

const dist = join(repository, 'packages/action/dist')
const files = filesIn(dist)
const rebuilt = mkdtempSync(join(tmpdir(), 'pare-bundle-'))
afterAll(() => rmSync(rebuilt, { recursive: true, force: true }))

const inGit = spawnSync('git', ['rev-parse', '--is-inside-work-tree'], { cwd: repository }).status === 0

describe('the bundle', () => {
  it.skipIf(process.platform !== 'linux')('is what its source makes, byte for byte (on Linux)', async () => {
    const { bundle } = (await import(new URL('../bundle.mjs', import.meta.url).href)) as {
      bundle(folder: string): Promise<unknown>
    }
    await bundle(rebuilt)
    expect(filesIn(rebuilt)).toEqual(files)
    for (const file of files) {
      const same = readFileSync(join(rebuilt, file)).equals(readFileSync(join(dist, file)))
      expect(same, `dist/${file} is stale: run 'npm run build -w @pare/action'`).toBe(true)
    }
  })

  it.skipIf(!inGit || !process.env.CI)('is committed as built (skipped outside of CI, where it may be under way)', () => {
    const changed = execFileSync('git', ['diff', '--name-only', '--', 'packages/action/dist'], {
      cwd: repository,
      encoding: 'utf8',
    })
    expect(changed, "the built bundle differs from the one in git: run 'git add packages/action/dist'").toBe('')
  })

  it('has every plugin that comes with the command line, for configs that import it', () => {
    const folders = readdirSync(join(repository, 'packages')).filter((folder) => /^(criterion|structure|preset)-/.test(folder))
    const plugins = files.filter((file) => file.startsWith('plugins')).map((file) => basename(file, '.mjs'))
    expect(plugins.sort()).toEqual(folders.sort())
  })

  it('holds no path of the machine that built it', () => {
    for (const file of files)
      expect(readFileSync(join(dist, file), 'utf8').includes(fileURLToPath(new URL('../../..', import.meta.url)))).toBe(false)
  })

  it('needs nothing but Node and ONNX Runtime', () => {
    for (const file of files) {
      const text = readFileSync(join(dist, file), 'utf8')
      const imports = [...text.matchAll(/(?:^|[;\n}])\s*import\s?(?:[^"'();]*?from\s?)?["']([^"']+)["']/g)].map(
        ([, name]) => name,
      )
      expect(
        imports.filter((name) => !/^node:|^[a-z_/0-9]+$|^\.\/(jiti|jinja|jpeg|png|tables|toolkit|webp)\.mjs$/.test(name ?? '')),
      ).toEqual([])
    }
  })

  it('is what action.yml runs', () => {
    expect(readActionYml().runs).toEqual({ using: 'node24', main: 'packages/action/dist/main.mjs' })
  })
})

function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return entries.map(({ parentPath, name }) => relative(folder, join(parentPath, name))).sort()
}
