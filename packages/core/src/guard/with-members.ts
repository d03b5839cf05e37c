/** The plugin with other functions in the place of its own. A class keeps its prototype, and its other members their `this`. */
export function withMembers<Plugin extends object>(plugin: Plugin, members: Partial<Plugin>): Plugin {
  return new Proxy(plugin, {
    get: (target, key) => {
      if (key === GUARDED) return true
      return Object.hasOwn(members, key) ? Reflect.get(members, key) : Reflect.get(target, key, target)
    },
  })
}

/** Whether a plugin has such functions already: it is not given others. */
export function isGuarded(plugin: object): boolean {
  return Reflect.get(plugin, GUARDED) === true
}

const GUARDED = Symbol('guarded')
