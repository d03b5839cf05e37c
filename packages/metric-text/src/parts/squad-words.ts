/** Words as SQuAD compares them (Rajpurkar et al., 2016): in small letters, without punctuation and articles. */
export function squadWords(text: string): readonly string[] {
  const plain = text.toLowerCase().replace(/[\p{P}\p{S}]/gu, '')
  return plain
    .replace(/\b(a|an|the)\b/g, ' ')
    .split(/\s+/)
    .filter((word) => word !== '')
}
