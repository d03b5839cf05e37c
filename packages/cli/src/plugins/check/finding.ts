/** What is looked at of a plugin's folder, in this order. */
export const PLUGIN_CHECKS = [
  'name',
  'keyword',
  'peer',
  'exports',
  'types',
  'files',
  'licence',
  'readme',
  'factory',
  'laws',
] as const

/** One thing that was looked at, and how it is. */
export interface PluginFinding {
  readonly check: (typeof PLUGIN_CHECKS)[number]
  /** 'skipped': it could not be looked at, with the reason. */
  readonly status: 'pass' | 'fail' | 'skipped'
  readonly message: string
  /** What to do. */
  readonly hint?: string
}

export function passes(check: PluginFinding['check'], message: string): PluginFinding {
  return { check, status: 'pass', message }
}

export function fails(check: PluginFinding['check'], message: string, hint: string): PluginFinding {
  return { check, status: 'fail', message, hint }
}

export function skips(check: PluginFinding['check'], message: string, hint: string): PluginFinding {
  return { check, status: 'skipped', message, hint }
}
