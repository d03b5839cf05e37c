// Before a package's tests: children run what dist/child was bundled of, and not what a package was compiled to since. Throws where that differs.
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { changedSource } from './child-bundle.mjs'

const PACKAGES = fileURLToPath(new URL('../packages/', import.meta.url))
/** Packages with a child of their own. */
const CHILDREN = ['@pare/evaluate']

export default function setup({ config }) {
  const { name, dependencies, devDependencies } = JSON.parse(readFileSync(join(config.root, 'package.json'), 'utf8'))
  const used = new Set([name, ...Object.keys({ ...dependencies, ...devDependencies })])
  // The command line starts all of them.
  for (const child of CHILDREN.filter((one) => used.has(one) || used.has('@pare/cli'))) {
    const folder = join(PACKAGES, child.replace('@pare/', ''))
    const changed = changedSource(folder)
    if (changed !== undefined)
      throw new Error(
        `${relative(process.cwd(), join(folder, 'dist/child')) || '.'} is stale: ${join(folder, changed)} is newer. Run: npx turbo run build --filter=${child}`,
      )
  }
}
