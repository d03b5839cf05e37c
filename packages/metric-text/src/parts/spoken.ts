/**
 * What of a text is spoken: small letters, without punctuation, marks and symbols, and without what stands in brackets. Radford et al., "Robust speech
 * recognition via large-scale weak supervision", 2022, appendix C, for languages other than English.
 */
export function spoken(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[<[][^>\]]*[>\]]/g, '')
    .replaceAll(/\([^)]+?\)/g, '')
    .normalize('NFKC')
    .replaceAll(/[\p{M}\p{S}\p{P}]/gu, ' ')
    .toLowerCase()
    .replaceAll(/\s+/g, ' ')
    .trim()
}
