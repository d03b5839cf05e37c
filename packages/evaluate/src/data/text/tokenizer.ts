import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { PareError, parseJson } from '@pare/onnx'
import { readJsonFile, readWhole } from '../file.js'
import { type Boundary, insideOf } from '../rows/inside.js'
import { BESIDE_TOKENIZER } from './beside-tokenizer.js'

const MAX_TOKENIZER_BYTES = 2 ** 28

/** A message of a conversation, as chat templates know it. */
export type Message = Readonly<Record<string, unknown>>

export interface OpenTokenizer {
  readonly tokenizer: Tokenizer
  /** Id of the token that fills up. Default: 0 */
  readonly pad: number
  /** Id of a token by what it is for: 'bos_token', 'eos_token'. Undefined: there is none. */
  idOf(role: string): number | undefined
  /** Whether it knows how a conversation is written. */
  readonly hasTemplate: boolean
  /** A conversation as one text, up to where an answer begins with `isAsking`. Throws PareError where the tokenizer has no template, or it refuses the messages. */
  render(messages: readonly Message[], where: string, options?: RenderOptions): Promise<string>
  /** The same, with where `{% generation %}` of the template says that it is the assistant's. Undefined: the template has no such marks. */
  renderMarked(messages: readonly Message[], where: string, options?: RenderOptions): Promise<MarkedText | undefined>
}

export interface RenderOptions {
  readonly isAsking?: boolean
  /** What the assistant may call. Default: nothing */
  readonly tools?: unknown
}

export interface MarkedText {
  readonly text: string
  /** In characters. */
  readonly spans: readonly { readonly from: number; readonly to: number }[]
}

/** A tokenizer.json with the tokenizer_config.json beside it, and the chat template in that or in a file of its own, which goes first. */
export async function openTokenizer(path: string, { trusted }: Pick<Boundary, 'trusted'>): Promise<OpenTokenizer> {
  const folder = dirname(path)
  const inside = (file: string) => insideOf({ trusted, root: folder }, file, file)
  const config = ((await readJsonFile(join(folder, BESIDE_TOKENIZER.settings[0]), inside)) ?? {}) as Readonly<
    Record<string, unknown>
  >
  const tokenizer = await construct(path, config)
  const idOf = (role: string) => {
    const token = textOf(config[role])
    return token === undefined ? undefined : tokenizer.token_to_id(token)
  }
  const template = (await templateBeside(folder, inside)) ?? templateOf(config.chat_template)
  return {
    ...{ tokenizer, pad: idOf('pad_token') ?? 0, idOf, hasTemplate: template !== undefined },
    render: (messages, where, options = {}) => render(messages, { config, template, where, ...options }),
    async renderMarked(messages, where, options = {}) {
      const marked = template === undefined ? undefined : withMarks(template)
      if (marked === undefined) return undefined
      return readMarks(await render(messages, { config, template: marked, where, ...options }))
    },
  }
}

async function construct(path: string, config: object): Promise<Tokenizer> {
  try {
    return new Tokenizer(parseJson((await readWhole(path, MAX_TOKENIZER_BYTES)).toString('utf8')) as object, config)
  } catch (cause) {
    if (cause instanceof PareError) throw cause
    throw new PareError(`${path}: not a tokenizer this reads (${(cause as Error).message}).`, {
      hint: 'expected a tokenizer.json as Hugging Face tokenizers write it, and a tokenizer_config.json beside it or none.',
      cause,
    })
  }
}

const MAX_TEMPLATE_BYTES = 2 ** 20

/** The template in chat_template.jinja, or in chat_template.json as processors have it. */
async function templateBeside(folder: string, inside: (file: string) => Promise<string>): Promise<string | undefined> {
  const [jinja, other] = BESIDE_TOKENIZER.templates
  const path = join(folder, jinja)
  const isThere = await stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  )
  if (isThere) return (await readWhole(await inside(path), MAX_TEMPLATE_BYTES)).toString('utf8')
  const json = (await readJsonFile(join(folder, other), inside)) as { chat_template?: unknown } | undefined
  return templateOf(json?.chat_template)
}

/** Characters that Unicode leaves to private use: no template writes them. */
const [BEGIN, END] = ['\uE000', '\uE001']

/** A template that writes a character where `{% generation %}` begins and ends. What tags do to spaces and lines around them stays. */
function withMarks(template: string): string | undefined {
  const tag = /(\s*)\{%(-?)\s*(end)?generation\s*(-?)%\}(\s*)/g
  if (template.search(tag) < 0) return undefined
  return template.replace(
    tag,
    (whole, before: string, left: string, end: string | undefined, right: string, after: string, offset: number) => {
      const rest = template.slice(offset + whole.length)
      const mark = end === undefined ? BEGIN : END
      // Tags beside it take spaces away on both sides of it.
      if (/-[%}#]\}$/.test(template.slice(0, offset)) || /^\{[%{#]-/.test(rest)) return mark
      const indented = /^\{[%#]/.test(rest) ? after.replace(/\n[ \t]*$/, '\n') : after
      return `${left ? '' : before.replace(/\n[ \t]*$/, '\n')}${mark}${right ? '' : indented.replace(/^\n/, '')}`
    },
  )
}

function readMarks(marked: string): MarkedText {
  const spans: { from: number; to: number }[] = []
  let text = ''
  for (const part of marked.split(/([\uE000\uE001])/)) {
    if (part === BEGIN) spans.push({ from: text.length, to: text.length })
    else if (part === END) spans.at(-1)!.to = text.length
    else text += part
  }
  return { text, spans }
}

interface Rendering extends RenderOptions {
  readonly config: Readonly<Record<string, unknown>>
  readonly template: string | undefined
  readonly where: string
}

async function render(
  messages: readonly Message[],
  { config, template, where, isAsking = false, tools }: Rendering,
): Promise<string> {
  if (template === undefined) {
    throw new PareError(`${where}: messages, and the tokenizer has no chat_template that makes one text of them.`, {
      hint: 'put the tokenizer_config.json of a model for chats beside the tokenizer, or write each conversation as text.',
    })
  }
  const { Template } = await import('@huggingface/jinja')
  const tokens = Object.entries(config).flatMap(([name, token]) => {
    const text = name.endsWith('_token') ? textOf(token) : undefined
    return text === undefined ? [] : [[name, text] as const]
  })
  const offer = tools === undefined || tools === null ? {} : { tools }
  try {
    return new Template(template).render({ ...Object.fromEntries(tokens), ...offer, messages, add_generation_prompt: isAsking })
  } catch (cause) {
    throw new PareError(`${where}: the chat_template refuses the messages (${(cause as Error).message}).`, {
      hint: 'expected messages such as [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}].',
      cause,
    })
  }
}

/** One template, or the default of several. */
function templateOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return undefined
  const own = value.find((each: { name?: unknown }) => each?.name === 'default') as { template?: unknown } | undefined
  return typeof own?.template === 'string' ? own.template : undefined
}

/** Tokens are written as text, or with what is special about them. */
function textOf(token: unknown): string | undefined {
  if (typeof token === 'string') return token
  const content = (token as { content?: unknown } | null | undefined)?.content
  return typeof content === 'string' ? content : undefined
}
