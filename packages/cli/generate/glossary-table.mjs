/** Rows of the first table of the glossary: the words in bold, and what they mean without marks. */
export function glossaryOf(markdown) {
  const [table] = markdown.split('\n## ')
  return table
    .split('\n')
    .filter((line) => line.startsWith('| **'))
    .map((line) => {
      const [head = '', meaning = '', elsewhere = ''] = line
        .replace(/^\|\s*|\s*\|$/g, '')
        .split(/\s*\|\s*/)
        .map((cell) => cell.trim())
      // At the beginning of a meaning, or behind '=', a word is stressed rather than explained.
      const bold = [
        ...head.matchAll(BOLD),
        ...[...meaning.matchAll(BOLD)].filter(({ index }) => !/^$|= $/.test(meaning.slice(0, index))),
      ]
      const words = bold.flatMap(([, word]) => word.split(/,\s*| \/ /))
      return {
        words: [...new Set(words)],
        text: plain(`${head}: ${meaning}`),
        ...(elsewhere !== '' && { elsewhere: plain(elsewhere) }),
      }
    })
}

const BOLD = /\*\*([^*]+)\*\*/g

const plain = (text) => text.replaceAll('**', '').replaceAll('`', '')
