import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type ArtifactService, artifactUrl, filesOf, uploadArtifact } from './artifact.js'

const folder = mkdtempSync(join(tmpdir(), 'pare-artifact-'))
mkdirSync(join(folder, 'model'))
for (const name of [
  'results.json',
  'report.html',
  'summary.md',
  'model/pruned.onnx',
  'model/pruned.onnx.data',
  'model/plan.json',
])
  writeFileSync(join(folder, name), 'x')
afterAll(() => rmSync(folder, { recursive: true }))

/** Takes a name once. */
function service(taken: readonly string[], names: string[] = []): ArtifactService {
  return {
    async uploadArtifact(name) {
      names.push(name)
      if (taken.includes(name))
        throw new Error('Failed to CreateArtifact: Received non-retryable error: Failed request: (409) Conflict')
      return { id: 5 }
    },
  }
}

describe('the artifact', () => {
  it('holds the report, and the models only when asked', () => {
    expect(filesOf(folder, 'report').map((path) => basename(path))).toEqual([
      'plan.json',
      'report.html',
      'results.json',
      'summary.md',
    ])
    expect(filesOf(folder, 'models')).toHaveLength(6)
  })

  it('gets a suffix where its name is taken', async () => {
    await expect(uploadArtifact({ folder, what: 'report', name: 'pare' }, service(['pare', 'pare-2']))).resolves.toEqual({
      name: 'pare-3',
      id: 5,
    })
  })

  it('gets a random suffix in the end', async () => {
    const { name } = await uploadArtifact({ folder, what: 'report', name: 'pare' }, service(['pare', 'pare-2', 'pare-3']))
    expect(name).toMatch(/^pare-[0-9a-f]{8}$/)
  })

  it('is not tried again for any other error', async () => {
    const names: string[] = []
    const broken: ArtifactService = {
      async uploadArtifact(name) {
        names.push(name)
        throw new Error('GHES is not supported')
      },
    }
    await expect(uploadArtifact({ folder, what: 'report', name: 'pare' }, broken)).rejects.toThrow('GHES')
    expect(names).toEqual(['pare'])
  })

  it('has a page', () => {
    expect(
      artifactUrl(5, { GITHUB_SERVER_URL: 'https://github.com', GITHUB_REPOSITORY: 'octo/models', GITHUB_RUN_ID: '77' }),
    ).toBe('https://github.com/octo/models/actions/runs/77/artifacts/5')
  })
})
