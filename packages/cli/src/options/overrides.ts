import { usage } from '../terminal/failure.js'
import type { CommandName, Own } from './commands.js'
import type { Overrides } from './config.js'
import { hyphened, optionsOf } from './options.js'

/** Values of options by name, as they were read from text. */
export type OptionValues = Readonly<Record<string, unknown>>

/** What the options of a command say of each model. Two that say the same thing contradict each other: that is a usage Failure. */
export function overridesOf(command: CommandName, values: OptionValues): Overrides {
  const overrides: Record<string, unknown> = {}
  const options = new Map<string, string>()
  for (const { name, places, kind } of optionsOf(command)) {
    const value = values[name]
    if (value === undefined) continue
    for (const place of places) {
      const shown = `--${hyphened(name)} ${show(value)}`
      const before = options.get(place)
      if (before !== undefined) throw usage(`pare: ${before} and ${shown} contradict each other.`, 'give one of them')
      options.set(place, shown)
      put(overrides, place.split('.'), kind === undefined ? value : { [kind]: value })
    }
  }
  return overrides as Overrides
}

/** What they say of the command alone. */
export function ownOf<Name extends CommandName>(command: Name, values: OptionValues): Own<Name> {
  const own = optionsOf(command).filter(({ places }) => places.length === 0)
  return Object.fromEntries(own.flatMap(({ name }) => (values[name] === undefined ? [] : [[name, values[name]]]))) as Own<Name>
}

function put(target: Record<string, unknown>, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    target[key] = value
    return
  }
  const section = (target[key] ?? {}) as Record<string, unknown>
  target[key] = section
  put(section, rest, value)
}

/** { macs: 0.5 } → 'macs=0.5'. */
function show(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([key, each]) => `${key}=${String(each)}`)
    .join()
}
