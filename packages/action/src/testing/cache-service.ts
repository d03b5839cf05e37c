import { type Handler, json } from './server.js'

const API = '/_apis/artifactcache/'

/** GitHub's cache as the toolkit's client sees it in its first version, which servers of companies have: keys, and one archive for each. */
export interface CacheStore {
  readonly archives: ReadonlyMap<string, Buffer>
  readonly handler: Handler
}

/** `origin` is asked late: the store is made before the server that it is part of. */
export function cacheStore(origin: () => string): CacheStore {
  const archives = new Map<string, Buffer>()
  const open: { key: string; parts: { at: number; body: Buffer }[] }[] = []
  const handler: Handler = ({ method, url, headers, body }) => {
    if (url.pathname.startsWith('/archives/'))
      return { status: 200, body: archives.get(decodeURIComponent(url.pathname.slice('/archives/'.length)))! }
    if (!url.pathname.startsWith(API)) return undefined
    const [what = '', id] = url.pathname.slice(API.length).split('/')
    if (what === 'cache') {
      // Of keys that begin with one of those that are asked for, the newest.
      const keys = (url.searchParams.get('keys') ?? '').split(',')
      const key = keys.flatMap((asked) => [...archives.keys()].filter((each) => each.startsWith(asked)).reverse())[0]
      if (key === undefined) return { status: 204 }
      return json(200, { cacheKey: key, archiveLocation: `${origin()}/archives/${encodeURIComponent(key)}` })
    }
    if (method === 'POST' && id === undefined) {
      const { key } = JSON.parse(body.toString('utf8')) as { key: string }
      if (archives.has(key)) return json(409, { message: 'the key is taken' })
      return json(201, { cacheId: open.push({ key, parts: [] }) })
    }
    const entry = open[Number(id) - 1]
    if (entry === undefined) return { status: 404 }
    if (method === 'PATCH') {
      entry.parts.push({ at: Number(/bytes (\d+)/.exec(String(headers['content-range']))?.[1]), body })
      return { status: 204 }
    }
    archives.set(entry.key, Buffer.concat(entry.parts.sort((a, b) => a.at - b.at).map((part) => part.body)))
    return { status: 204 }
  }
  return { archives, handler }
}
