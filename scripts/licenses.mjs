// The licences of everything in the bundle, as their authors ask for.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** One text with each package's name, version and licence, in the order of the names. `modules` are absolute paths of source files. */
export function licensesOf(modules) {
  const folders = new Set([...modules].filter((path) => path.includes('node_modules')).map(packageFolder))
  const entries = [...folders].map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)(\.(md|txt|mit))?$/i.test(entry))
    const text =
      file === undefined
        ? `Licence: ${license ?? 'not stated'}`
        : readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim()
    return `${name} ${version}\n${'-'.repeat(40)}\n${text}\n`
  })
  return [...new Set(entries)].sort().join('\n\n')
}

/** The folder below node_modules, which has a version: inner package.json files only name a module format. */
function packageFolder(path) {
  const folder = dirname(path)
  const parent = basename(dirname(folder))
  const root = parent === 'node_modules' || (parent.startsWith('@') && basename(dirname(dirname(folder))) === 'node_modules')
  return root && existsSync(join(folder, 'package.json')) ? folder : packageFolder(folder)
}
