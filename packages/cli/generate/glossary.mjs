// Writes the words of docs/glossary.md that users meet, for `pare explain`; each build runs it, and the file is not committed.
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
  `// Written by each build from docs/glossary.md; do not edit it.

/** The rows of the glossary, with what others call a thing. */
export const GLOSSARY: readonly { readonly words: readonly string[]; readonly text: string; readonly elsewhere?: string }[] = [
${rows.join('')}]
`,
)
