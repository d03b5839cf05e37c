import { type Handler, json } from './server.js'

export interface StoredComment {
  readonly id: number
  body: string
  readonly user: { readonly login: string; readonly type: 'Bot' | 'User' }
}

/** The part of GitHub's REST API that has to do with comments, for a token of a workflow. */
export interface GithubApi {
  readonly comments: StoredComment[]
  /** Paths that the pull request changes. Default: the model. */
  files: readonly string[]
  /** Files of the repository, by commit and path. */
  readonly contents: Map<string, string>
  /** Open pull requests by their head, 'owner:branch'. */
  readonly pulls: Map<string, { readonly number: number; readonly head: { readonly sha: string } }>
  /** A token of a fork's pull request may only read. */
  mayWrite: boolean
  readonly handler: Handler
}

/** Comments and files come in pages of two, so that finding one's own needs the next page. */
const PAGE = 2

export function githubApi(origin: () => string): GithubApi {
  const api: GithubApi = {
    comments: [],
    files: ['models/digits.onnx'],
    contents: new Map(),
    pulls: new Map(),
    mayWrite: true,
    handler,
  }
  function handler({ method, url, body }: Parameters<Handler>[0]): ReturnType<Handler> {
    if (url.pathname === '/user') return json(403, { message: 'Resource not accessible by integration' })
    const one = /^\/repos\/octo\/models\/issues\/comments\/(\d+)$/.exec(url.pathname)?.[1]
    const all = /^\/repos\/octo\/models\/issues\/(\d+)\/comments$/.test(url.pathname)
    if (/^\/repos\/octo\/models\/pulls\/\d+\/files$/.test(url.pathname)) {
      const files = api.files.map((filename) => ({ filename, status: 'modified' }))
      return page(files, url, origin())
    }
    if (url.pathname === '/repos/octo/models/pulls') {
      const pull = api.pulls.get(url.searchParams.get('head') ?? '')
      return page(pull === undefined ? [] : [pull], url, origin())
    }
    const path = /^\/repos\/octo\/models\/contents\/(.+)$/.exec(url.pathname)?.[1]
    if (path !== undefined) {
      const content = api.contents.get(`${url.searchParams.get('ref')}:${decodeURIComponent(path)}`)
      return content === undefined
        ? json(404, { message: 'Not Found' })
        : { status: 200, headers: { 'content-type': 'application/vnd.github.raw+json; charset=utf-8' }, body: content }
    }
    if (one === undefined && !all) return undefined
    if (method === 'GET') return page(api.comments, url, origin())
    if (!api.mayWrite) return json(403, { message: 'Resource not accessible by integration' })
    const text = (JSON.parse(body.toString('utf8')) as { body: string }).body
    const existing = api.comments.find((comment) => String(comment.id) === one)
    if (existing !== undefined) {
      existing.body = text
      return json(200, existing)
    }
    const created: StoredComment = {
      id: 100 + api.comments.length,
      body: text,
      user: { login: 'github-actions[bot]', type: 'Bot' },
    }
    api.comments.push(created)
    return json(201, created)
  }
  return api
}

function page(items: readonly unknown[], url: URL, origin: string): ReturnType<Handler> {
  const number = Number(url.searchParams.get('page') ?? '1')
  const next = new URL(url.pathname + url.search, origin)
  next.searchParams.set('page', String(number + 1))
  const link = items.length > number * PAGE ? { link: `<${next.href}>; rel="next"` } : {}
  return json(200, items.slice((number - 1) * PAGE, number * PAGE), link)
}
