import { html, type Markup, mdCode, mdText } from '../escape.js'
import type { ModelResult } from '../results/results.js'
import { type Advice, adviceFor } from './advice.js'

/** Of a command in markdown, in characters. */
const COMMAND_LENGTH = 400

/** What to do now, for the page. */
export function adviceSection(model: ModelResult): Markup | undefined {
  const advice = adviceFor(model)
  if (advice.length === 0) return undefined
  return html`<section class="advice"><h3>What to do now</h3>
<ol>${advice.map(({ text, options, command }) => html`<li>${text}${options && html` <span class="add">Add to the command:</span> ${typed(options)}`}${command && html` ${typed(command)}`}</li>\n`)}</ol></section>`
}

/** A line breaks between its words, not after a hyphen within one. */
function typed(text: string): Markup {
  return html`<code class="type">${text.split(' ').map((word, i) => html`${i > 0 && ' '}<span>${word}</span>`)}</code>`
}

/** The same in markdown; '' where there is nothing to do. */
export function adviceMarkdown(model: ModelResult): string {
  return adviceFor(model)
    .map(
      ({ text, options, command }) =>
        `- ${mdText(text)}${options === undefined ? '' : ` Add to the command: ${mdCode(options, COMMAND_LENGTH)}`}${command === undefined ? '' : ` ${mdCode(command, COMMAND_LENGTH)}`}\n`,
    )
    .join('')
}

/** And in lines of plain text. */
export function adviceLines(model: ModelResult): string[] {
  return adviceFor(model).flatMap(({ text, ...typed }) => [`- ${text}`, ...typedLines(typed)])
}

function typedLines({ options, command }: Pick<Advice, 'options' | 'command'>): string[] {
  return [...(options === undefined ? [] : [`    add ${options}`]), ...(command === undefined ? [] : [`    ${command}`])]
}
