import { createServer, type IncomingMessage } from 'node:http'

export interface Request {
  readonly method: string
  /** With query. */
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

/** Answers a request, or undefined where it is not its own. 'stall': the connection stays open without an answer. */
export type Handler = (request: Request) => Reply | 'stall' | undefined

export interface Server {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
  [Symbol.asyncDispose](): Promise<void>
}

/** Serves the handlers on loopback; what none of them answers is 404. */
export async function serve(handlers: readonly Handler[]): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const url = new URL(incoming.url ?? '/', 'http://127.0.0.1')
      const request = { method: incoming.method ?? 'GET', url, headers: incoming.headers, body: Buffer.concat(chunks) }
      const reply = handlers.map((handler) => handler(request)).find((answer) => answer !== undefined) ?? { status: 404 }
      if (reply === 'stall') return
      outgoing.writeHead(reply.status, reply.headers)
      outgoing.end(reply.body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8', ...headers }, body: JSON.stringify(value) }
}
