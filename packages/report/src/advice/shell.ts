/** Anything else is quoted, or not shown at all. */
const PLAIN = /^[\w./:=@%+][\w./:=@%+-]*$/
const PRINTABLE = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+$/u

/**
 * A word of a command that a reader may copy into a POSIX shell: quoted where it needs to be. A name with characters that nobody sees, or that looks like an
 * option, may come from a stranger and stays out of the command: `instead` stands there.
 */
export function shellWord(word: string, instead: string): string {
  if (PLAIN.test(word)) return word
  if (word.startsWith('-') || !PRINTABLE.test(word)) return instead
  return `'${word.replaceAll("'", "'\\''")}'`
}
