import type { Config } from '../../options/config.js'

/** Gives a TypeScript or JavaScript config its types. Returns it as it is. */
export function defineConfig(config: Config): Config {
  return config
}
