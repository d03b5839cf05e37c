import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { messageOf } from '../failure.js'
import type { UploadSetting } from '../inputs.js'

/** The part of `@actions/artifact`'s client that is used. */
export interface ArtifactService {
  uploadArtifact(
    name: string,
    files: string[],
    rootDirectory: string,
    options: { retentionDays?: number; skipArchive?: boolean },
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
  return uploadAs(namesLike(upload.name), (name) => service.uploadArtifact(name, files, upload.folder, retention(upload)))
}

/**
 * Uploads the HTML report by itself and not zipped, so that its page is the report and nothing has to be unpacked. It is named as the artifact, with .html.
 * Throws what the service throws.
 */
export async function uploadReport(upload: Omit<Upload, 'what'>, service: ArtifactService): Promise<Artifact> {
  const folder = mkdtempSync(join(process.env.RUNNER_TEMP || tmpdir(), 'pare-report-'))
  return uploadAs(namesLike(upload.name), (name) => {
    // The service names what is not zipped by its file.
    const file = join(folder, `${name}.html`)
    copyFileSync(join(upload.folder, REPORT), file)
    return service.uploadArtifact(name, [file], dirname(file), { ...retention(upload), skipArchive: true })
  })
}

export const REPORT = 'report.html'

function retention({ retentionDays }: Pick<Upload, 'retentionDays'>): { readonly retentionDays?: number } {
  return retentionDays === undefined ? {} : { retentionDays }
}

function namesLike(name: string): readonly string[] {
  return [name, `${name}-2`, `${name}-3`, `${name}-${randomBytes(4).toString('hex')}`]
}

async function uploadAs(
  [first = '', ...others]: readonly string[],
  send: (name: string) => ReturnType<ArtifactService['uploadArtifact']>,
): Promise<Artifact> {
  try {
    const { id } = await send(first)
    if (id === undefined) throw new Error(`the service took '${first}' without giving it an id`)
    return { name: first, id }
  } catch (error) {
    if (!isNameTaken(error) || others.length === 0) throw error
    return uploadAs(others, send)
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
