import { entries } from './rules/rules.js'

/** The operators that gradients know, as the text of the README. */
export function operatorsText(): string {
  const names = (wanted: (entry: ReturnType<typeof entries>[number][1]) => boolean) =>
    entries()
      .filter(([, entry]) => wanted(entry))
      .map(([name]) => `\`${name}\``)
      .sort()
  const passing = names((entry) => typeof entry === 'function' || (typeof entry === 'object' && 'rule' in entry))
  const flat = names((entry) => entry === 'flat')
  const reasons = new Map<string, string[]>()
  for (const [name, entry] of entries()) {
    if (typeof entry !== 'object' || !('declined' in entry)) continue
    reasons.set(entry.declined, [...(reasons.get(entry.declined) ?? []), `\`${name}\``])
  }
  return [
    `**${passing.length} with a rule**: ${passing.join(' ')}`,
    `**${flat.length} that no gradient passes**, since they change in steps: ${flat.join(' ')}`,
    `**Declined**:`,
    [...reasons].map(([reason, names]) => `- ${names.join(' ')}: ${reason}`).join('\n'),
  ].join('\n\n')
}
