import { editDistance, suggest } from './text/suggest.js'

/** The members that objects of a contract may have. Its type demands all of them. */
export type Members<Contract> = Readonly<Record<keyof Required<Contract>, true>>

/** A member that a contract lacks. */
export interface StrayMember {
  readonly name: string
  /** As JSON, cut at 60 characters. */
  readonly value: string
  /** "'scope'", which is nearest to it, or 'one of name, needs, scope'. */
  readonly expected: string
}

/**
 * The first member of an object that its contract lacks, which is mostly a slip of the pen. An instance of a class may have members of its own: of it, those
 * alone count that are one letter off a member that it lacks. Undefined: there is none, or the value is no object.
 */
export function strayMember(value: unknown, members: Readonly<Record<string, true>>): StrayMember | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const names = Object.keys(members)
  const isClass = ![Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null)
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(members, name)) continue
    const nearest = isClass ? slipOf(name, { of: value, names }) : suggest(name, names)
    if (isClass && nearest === undefined) continue
    return { name, value: textOf(Reflect.get(value, name)), expected: nearest === undefined ? listed(names) : `'${nearest}'` }
  }
  return undefined
}

function slipOf(name: string, { of, names }: { readonly of: object; readonly names: readonly string[] }): string | undefined {
  return names.find((one) => !(one in of) && editDistance(name.toLowerCase(), one.toLowerCase()) < 2)
}

function listed(names: readonly string[]): string {
  return names.length === 1 ? `'${names[0]}' alone` : `one of ${names.join(', ')}`
}

function textOf(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? `a ${typeof value}`).slice(0, 60)
  } catch {
    // A circle, or a BigInt, is no JSON.
    return String(value)
  }
}
