import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type ArtifactService, artifactUrl, filesOf, uploadArtifact, uploadReport } from './artifact.js'

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

  it('of the report is the page alone, not zipped, under a name that is free', async () => {
    const sent: { names: string[]; options: object }[] = []
    const taken: ArtifactService = {
      async uploadArtifact(name, files, _, options) {
        sent.push({ names: files.map((file) => basename(file)), options })
        if (name === 'pare') throw new Error('(409) Conflict')
        return { id: 7 }
      },
    }
    await expect(uploadReport({ folder, name: 'pare', retentionDays: 3 }, taken)).resolves.toEqual({ name: 'pare-2', id: 7 })
    const options = { retentionDays: 3, skipArchive: true }
    expect(sent).toEqual([
      { names: ['pare.html'], options },
      { names: ['pare-2.html'], options },
    ])
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
