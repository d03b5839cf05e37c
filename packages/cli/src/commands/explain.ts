import { suggest } from '@pare/onnx/suggest'
import { GLOSSARY } from '../explain/glossary.js'
import type { Topic } from '../explain/topic.js'
import { TOPIC_NAMES, topicsOf } from '../explain/topics.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT, EXIT_CODES } from '../terminal/exit.js'
import { usage } from '../terminal/failure.js'
import { wrapped } from '../terminal/wrap.js'

/** `pare explain [WORDS…]`: what an exit code, a word, an option or a command means; without words, what can be asked for. */
export async function explain(context: Context, words: readonly string[]): Promise<number> {
  if (words.length === 0) {
    answer(context, { schemaVersion: 1, command: 'explain', names: TOPIC_NAMES })
    say(context, EXIT_CODES, renderList)
    return EXIT.pass
  }
  const asked = words.join(' ')
  const topics = await topicsOf(asked)
  if (topics.length === 0) throw usage(`pare explain: '${asked}' is not known.`, nearTo(asked))
  answer(context, { schemaVersion: 1, command: 'explain', topics })
  say(context, topics, (shown) => shown.map(render).join('\n\n'))
  return EXIT.pass
}

/** Names that are spelt alike, and those that hold the word. */
function nearTo(asked: string): string {
  const guess = suggest(asked, TOPIC_NAMES)
  const holding = TOPIC_NAMES.filter((name) => asked.length > 2 && name.includes(asked.toLowerCase()))
  const near = [...new Set([...(guess === undefined ? [] : [guess]), ...holding])].slice(0, 5)
  const meant = near.length === 0 ? '' : `did you mean ${near.map((name) => `'${name}'`).join(', ')}? `
  return `${meant}pare explain lists what can be asked for`
}

const WIDTH = 78

function render({ title, text, advice }: Topic): string {
  return [title, ...indented(text), ...advice.flatMap(indented)].join('\n')
}

function indented(text: string): readonly string[] {
  return wrapped(text, WIDTH - 2).map((line) => `  ${line}`)
}

function renderList(codes: typeof EXIT_CODES): string {
  const words = GLOSSARY.flatMap(({ words }) => words).filter((word, i, all) => all.indexOf(word) === i)
  return [
    'Exit codes',
    ...codes.map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`),
    '',
    'Words',
    ...indented(words.join(', ')),
    '',
    'And every command, option and plugin, such as: pare explain max-drop',
  ].join('\n')
}
