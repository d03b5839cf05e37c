import { kindOf, type OperatorKind } from './operators.js'

/** What one table says of every operator. */
export interface Column {
  readonly title: string
  /** All operators that the table names. */
  readonly names: ReadonlySet<string>
  /** Operators that have a rule and are said to have none. */
  readonly contradictions: readonly string[]
  /** Undefined: the table forgets this operator. */
  cell(operator: string): Cell | undefined
}

export interface Cell {
  /** A word or two. */
  readonly text: string
  /** Why, or what is left out. '' where there is nothing to say. */
  readonly note: string
}

export interface ColumnParts {
  readonly title: string
  /** Operators with a rule: the word for it. */
  readonly rules: ReadonlyMap<string, string>
  /** What is to be said of operators, with a rule or without. */
  readonly notes?: ReadonlyMap<string, string>
  /** The word for operators without a rule. */
  readonly none: string
  /** Why operators of a kind have no rule. */
  readonly because: Partial<Readonly<Record<OperatorKind, string>>>
  /** Operators that nobody has written a rule for yet. */
  readonly notYet: ReadonlySet<string>
}

export function columnOf({ title, rules, notes = new Map(), none, because, notYet }: ColumnParts): Column {
  return {
    title,
    contradictions: [...notYet].filter((name) => rules.has(name) || because[kindOf(name)!] !== undefined),
    names: new Set([...rules.keys(), ...notes.keys(), ...notYet]),
    cell(operator) {
      const rule = rules.get(operator)
      if (rule !== undefined) return { text: rule, note: notes.get(operator) ?? '' }
      const kind = kindOf(operator)
      const reason = notes.get(operator) ?? (kind && because[kind]) ?? (notYet.has(operator) ? 'no rule yet' : undefined)
      return reason === undefined ? undefined : { text: none, note: reason }
    },
  }
}
