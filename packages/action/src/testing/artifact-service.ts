import { type Handler, json } from './server.js'

const SERVICE = '/twirp/github.actions.results.api.v1.ArtifactService/'
const BLOBS = '/blobs/'

/** GitHub's artifact storage as the toolkit's client sees it: two calls, and blocks put to a signed URL. */
export interface ArtifactStore {
  /** Finished artifacts: the zip by name. */
  readonly artifacts: ReadonlyMap<string, Buffer>
  /** Names that another job has used already. */
  readonly usedNames: Set<string>
  readonly handler: Handler
}

/** `origin` is asked late: the store is made before the server that it is part of. */
export function artifactStore(origin: () => string): ArtifactStore {
  const artifacts = new Map<string, Buffer>()
  const usedNames = new Set<string>()
  const blocks = new Map<string, Buffer>()
  const blobs = new Map<string, Buffer>()
  const handler: Handler = ({ method, url, body }) => {
    if (url.pathname.startsWith(BLOBS) && method === 'PUT') {
      const name = decodeURIComponent(url.pathname.slice(BLOBS.length))
      if (url.searchParams.get('comp') === 'block') blocks.set(url.searchParams.get('blockid') ?? '', body)
      else if (url.searchParams.get('comp') === 'blocklist') blobs.set(name, joined(body, blocks))
      else blobs.set(name, body)
      return { status: 201, headers: { etag: '"0"', 'last-modified': new Date(0).toUTCString() } }
    }
    if (!url.pathname.startsWith(SERVICE)) return undefined
    const { name } = JSON.parse(body.toString('utf8')) as { name: string }
    switch (url.pathname.slice(SERVICE.length)) {
      case 'CreateArtifact':
        if (usedNames.has(name))
          return json(409, { code: 'already_exists', msg: 'an artifact with this name already exists on the workflow run' })
        usedNames.add(name)
        return json(200, { ok: true, signed_upload_url: `${origin()}${BLOBS}${encodeURIComponent(name)}?sig=secret` })
      case 'FinalizeArtifact':
        artifacts.set(name, blobs.get(name) ?? Buffer.alloc(0))
        return json(200, { ok: true, artifact_id: String(4_000 + artifacts.size) })
      default:
        return undefined
    }
  }
  return { artifacts, usedNames, handler }
}

/** The block list names its blocks in order. */
function joined(list: Buffer, blocks: ReadonlyMap<string, Buffer>): Buffer {
  const ids = [...list.toString('utf8').matchAll(/<Latest>(.*?)<\/Latest>/g)].map(([, id]) => id ?? '')
  return Buffer.concat(ids.map((id) => blocks.get(id) ?? Buffer.alloc(0)))
}

/** A token with the one claim that the client reads; nobody checks its signature. */
export function runtimeToken(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ scp: 'Actions.Results:run-1:job-1' })}.signature`
}

/** File names in the central directory of a zip. */
export function zipNames(zip: Buffer): string[] {
  const signature = Buffer.from('PK\u0001\u0002', 'latin1')
  const names: string[] = []
  for (let at = zip.indexOf(signature); at >= 0; at = zip.indexOf(signature, at + 46)) {
    names.push(zip.toString('utf8', at + 46, at + 46 + zip.readUInt16LE(at + 28)))
  }
  return names
}
