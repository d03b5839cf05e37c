import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from './failure.js'
import type { UploadSetting } from './inputs.js'

/** The part of `@actions/artifact`'s client that is used. */
export interface ArtifactService {
  uploadArtifact(
    name: string,
    files: string[],
    rootDirectory: string,
    options: { retentionDays?: number },
  ): Promise<{ id?: number | undefined }>
}

export interface Upload {
  readonly folder: string
  readonly what: Exclude<UploadSetting, 'none'>
  readonly name: string
  readonly retentionDays?: number | undefined
}

export interface Artifact {
  readonly name: string
  readonly id: number
}

/** What is small and readable; everything else in the output folder is a model or belongs to one. */
const REPORT_FILES = /\.(json|html|md)$/

/**
 * Uploads the output folder. A name that is taken (another leg of the matrix, another step) gets a suffix: `name-2`, `name-3`, then a random one.
 * Throws what the service throws.
 */
export async function uploadArtifact(upload: Upload, service: ArtifactService): Promise<Artifact> {
  const files = filesOf(upload.folder, upload.what)
  if (files.length === 0) throw new Error(`there is nothing to upload in '${upload.folder}'`)
  const options = upload.retentionDays === undefined ? {} : { retentionDays: upload.retentionDays }
  const { name } = upload
  return uploadAs([name, `${name}-2`, `${name}-3`, `${name}-${randomBytes(4).toString('hex')}`])

  async function uploadAs([first = name, ...others]: readonly string[]): Promise<Artifact> {
    try {
      const { id } = await service.uploadArtifact(first, files, upload.folder, options)
      if (id === undefined) throw new Error(`the service took '${first}' without giving it an id`)
      return { name: first, id }
    } catch (error) {
      if (!isNameTaken(error) || others.length === 0) throw error
      return uploadAs(others)
    }
  }
}

/** Files below `folder` that go into the artifact, in a stable order. */
export function filesOf(folder: string, what: Upload['what']): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && (what === 'models' || REPORT_FILES.test(entry.name)))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** The page of an artifact. */
export function artifactUrl(id: number, env: Readonly<Record<string, string | undefined>>): string {
  return `${env.GITHUB_SERVER_URL ?? 'https://github.com'}/${env.GITHUB_REPOSITORY}/actions/runs/${env.GITHUB_RUN_ID}/artifacts/${id}`
}

/** The client gives no code, only `(409) Conflict` inside its message. */
function isNameTaken(error: unknown): boolean {
  return /\(409\)|already exists/.test(messageOf(error))
}
