import { formatBytes } from '@pare/gate'
import { packageVersion } from '../terminal/version.js'

/** What a model card says of a pruned model. Texts are plain: what markdown would read in them is taken literally. */
export interface CardModel {
  /** In the folder. */
  readonly file: string
  readonly sha256: string
  readonly bytes: { readonly before: number; readonly after: number }
  /** What was done, one entry for each step. */
  readonly steps: readonly string[]
  /** What went. */
  readonly removed: string
  /** What was measured, a line each. Empty: nothing was. */
  readonly measured: readonly string[]
}

export interface Card {
  readonly models: readonly CardModel[]
  readonly edits: readonly { readonly file: string; readonly key: string; readonly before: unknown; readonly after: unknown }[]
}

const BEGIN = '<!-- pare:begin -->'
const END = '<!-- pare:end -->'

export function hasSection(text: string | undefined): boolean {
  return text?.includes(BEGIN) ?? false
}

/** A model card with the section on pruning at its end, in the place of the one that it had. */
export async function withSection(text: string, card: Card): Promise<string> {
  const begin = text.indexOf(BEGIN)
  const end = text.indexOf(END, begin)
  const before = begin < 0 ? text : text.slice(0, begin)
  const after = begin < 0 || end < 0 ? '' : text.slice(end + END.length).replace(/^\n/, '')
  const head = before.trimEnd()
  return `${head}${head === '' ? '' : '\n\n'}${await section(card, head !== '')}\n${after === '' ? '' : `\n${after.trimStart()}`}`
}

async function section({ models, edits }: Card, isAppended: boolean): Promise<string> {
  const { mdCode, mdText } = await import('@pare/report')
  const of = models.map(({ file, sha256, bytes, steps, removed, measured }) => [
    `- ${mdCode(file)}: ${formatBytes(bytes.before)} → ${formatBytes(bytes.after)}, ${mdText(removed)} (made from SHA-256 ${mdCode(sha256)})`,
    ...steps.map((step) => `  - ${mdText(step)}`),
    ...(measured.length === 0
      ? ['  - What that costs was not measured.']
      : measured.map((line) => `  - measured: ${mdText(line)}`)),
  ])
  const configs = edits.map(
    ({ file, key, before, after }) => `- ${mdCode(file)}: ${mdCode(key)} ${mdText(`${valueText(before)} → ${valueText(after)}`)}`,
  )
  return [
    BEGIN,
    '## Pruned',
    '',
    `This is a pruned copy of the model, made with [Pare](https://github.com/pare-dev/pare) ${packageVersion()}.${isAppended ? ' The text above is that of the original.' : ''}`,
    '',
    ...of.flat(),
    ...configs,
    END,
  ].join('\n')
}

/** 'none' of a key that was not there. */
export const valueText = (value: unknown): string =>
  Array.isArray(value) ? `${value.length} entries` : value === null || value === undefined ? 'none' : String(value)
