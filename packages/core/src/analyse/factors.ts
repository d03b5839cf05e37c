import type { DeclinedPart, Group, Role } from '../contract/contract.js'

/**
 * Groups that are factors of one axis, as the groups of a convolution and the channels within each are, multiply: half of both leaves a quarter. One of them
 * is what a structure cuts, so that a ratio means what it says; of the others it is said. Those within go first, then the order of the graph.
 * Linear in the sizes of axes.
 */
export function withoutFactors(
  groups: readonly Group[],
  structure: string,
): { groups: readonly Group[]; declined: readonly DeclinedPart[] } {
  const partners = factorsOf(groups)
  if (partners.size === 0) return { groups, declined: [] }
  const chosen = new Set<Group>()
  const declined: DeclinedPart[] = []
  for (const group of [...groups].sort((a, b) => outerness(a) - outerness(b))) {
    const partner = [...(partners.get(group) ?? [])].find((other) => chosen.has(other))
    if (partner === undefined) chosen.add(group)
    else declined.push({ id: group.id, structure, reason: reasonOf(group, partner) })
  }
  return { groups: groups.filter((group) => chosen.has(group)), declined }
}

function reasonOf(group: Group, partner: Group): string {
  const what =
    group.kind === 'coupled' && group.roles.has('group')
      ? 'these are the groups of a convolution'
      : 'these are a factor of an axis'
  return `${what} in which '${partner.id}' is cut: cutting both would take more than the ratio says`
}

const OUTER: readonly Role[] = ['group', 'repeat']

const outerness = (group: Group) => (group.kind === 'coupled' && OUTER.some((role) => group.roles.has(role)) ? 1 : 0)

/** Finds, for each group, the others that slice the same positions of some axis. Groups that share none with another are left out. */
export function factorsOf<G extends Group>(groups: readonly G[]): ReadonlyMap<G, ReadonlySet<G>> {
  const partners = new Map<G, Set<G>>()
  for (const along of groupsByAxis(groups).values()) {
    if (along.length < 2) continue
    const at = along[0]!.units.length
    for (let i = 0; i < at; i++) {
      const here = along.filter(({ units }) => units[i]! >= 0).map(({ group }) => group)
      for (const one of here.length > 1 ? here : []) for (const other of here) if (other !== one) setOf(partners, one).add(other)
    }
  }
  return partners
}

interface Along<G> {
  readonly group: G
  readonly units: Int32Array
}

function groupsByAxis<G extends Group>(groups: readonly G[]): Map<string, Along<G>[]> {
  const axes = new Map<string, Along<G>[]>()
  for (const group of groups) {
    if (group.kind !== 'coupled') continue
    // Vectors do not count: one that several nodes read is several.
    for (const { id, axis, units } of group.slices.filter(({ scored }) => scored)) {
      const key = `${axis} ${id}`
      const along = axes.get(key)
      if (along === undefined) axes.set(key, [{ group, units }])
      else along.push({ group, units })
    }
  }
  return axes
}

function setOf<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
  const set = map.get(key) ?? new Set<V>()
  map.set(key, set)
  return set
}
