/** Values in whose statistics padding counts, collected while things are measured. */
export interface PaddedValues {
  readonly add: (values: readonly string[]) => void
  /** One warning, or none. */
  warnings(): string[]
}

const SHOWN = 3

export function collectPaddedValues(): PaddedValues {
  const all = new Set<string>()
  return {
    add(values) {
      for (const value of values) all.add(value)
    },
    warnings() {
      if (all.size === 0) return []
      const shown = [...all].slice(0, SHOWN).map((value) => `'${value}'`)
      const more = all.size > SHOWN ? [`${all.size - SHOWN} more`] : []
      return [
        `the data are padded, and which positions of ${[...shown, ...more].join(', ')} that is does not follow from the model: in their statistics padding counts`,
      ]
    },
  }
}
