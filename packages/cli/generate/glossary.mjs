// Writes the words of docs/glossary.md that users meet, for `pare explain`.
import { readFileSync, writeFileSync } from 'node:fs'
import { glossaryOf } from './glossary-table.mjs'

const terms = glossaryOf(readFileSync(new URL('../../../docs/glossary.md', import.meta.url), 'utf8'))
const quoted = (text) => (text.includes("'") && !text.includes('"') ? `"${text}"` : `'${text.replaceAll("'", "\\'")}'`)
const property = (name, value) => `    ${name}: ${value},\n`
const rows = terms.map(
  ({ words, text, elsewhere }) =>
    `  {\n${property('words', `[${words.map(quoted).join(', ')}]`)}${property('text', quoted(text))}${elsewhere === undefined ? '' : property('elsewhere', quoted(elsewhere))}  },\n`,
)
writeFileSync(
  new URL('../src/explain/glossary.ts', import.meta.url),
  `// Written by \`npm run generate -w @pare/cli\` from docs/glossary.md; do not edit it.

/** A row of the glossary. */
export interface GlossaryTerm {
  readonly words: readonly string[]
  readonly text: string
  /** What others call it. */
  readonly elsewhere?: string
}

export const GLOSSARY: readonly GlossaryTerm[] = [
${rows.join('')}]
`,
)
