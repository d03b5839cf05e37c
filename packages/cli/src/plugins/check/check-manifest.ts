import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import semver from 'semver'
import { isFile } from '../../files/paths.js'
import { packageVersion } from '../../terminal/version.js'
import { firstPartyNames } from '../plugins.js'
import { fails, type PluginFinding, passes } from './finding.js'
import type { PluginFolder } from './plugin-manifest.js'

/** By which plugins are found on npm. */
const KEYWORD = 'pare-plugin'

/** What package.json, licence and README say. Runs nothing. */
export async function checkManifest(folder: PluginFolder): Promise<readonly PluginFinding[]> {
  return [name(folder), keyword(folder), peer(folder), files(folder), await licence(folder), await readme(folder)]
}

function name({ manifest, named }: PluginFolder): PluginFinding {
  if (named === undefined)
    return fails(
      'name',
      `the package is called '${manifest.name}', and Pare finds a plugin by its name.`,
      'call it pare-criterion-NAME, pare-structure-NAME, pare-preset-NAME or pare-metric-NAME, with a scope in front if you like.',
    )
  const { kind, short, written } = named
  if (written === short && firstPartyNames(kind).includes(short))
    return fails(
      'name',
      `'${short}' comes with Pare: by that name yours is never found.`,
      'give it a name of its own, or a scope.',
    )
  if (manifest.private === true)
    return fails('name', `package.json says private, so that npm does not publish it.`, 'remove "private": true.')
  return passes('name', `a ${kind} that is written '${written}'`)
}

function keyword({ manifest: { keywords = [] } }: PluginFolder): PluginFinding {
  return keywords.includes(KEYWORD)
    ? passes('keyword', KEYWORD)
    : fails('keyword', `'${KEYWORD}' is not among its keywords: nobody finds it.`, `npm pkg set keywords[]=${KEYWORD}`)
}

/** The contract is a peer, so that the plugin and Pare share one copy of it. */
function peer({ manifest: { peerDependencies = {}, dependencies = {} }, named }: PluginFolder): PluginFinding {
  const contract = named?.kind === 'metric' ? '@pare/metric' : '@pare/core'
  const version = packageVersion()
  const set = `npm pkg set peerDependencies.${contract}='^${version}'`
  const range = peerDependencies[contract]
  if (Object.hasOwn(dependencies, contract))
    return fails(
      'peer',
      `${contract} is among its dependencies, which gives it a copy of its own.`,
      `npm pkg delete dependencies.${contract} && ${set}`,
    )
  if (range === undefined)
    return fails('peer', `${contract} is not among its peerDependencies: which Pare it is made for is not said.`, set)
  if (!semver.satisfies(version, range))
    return fails(
      'peer',
      `${contract} ${range} does not take this version of Pare, ${version}.`,
      `try it with this version, then ${set}`,
    )
  return passes('peer', `${contract} ${range}`)
}

function files({ manifest: { files: listed } }: PluginFolder): PluginFinding {
  return listed === undefined
    ? fails(
        'files',
        'package.json has no "files": tests, sources and whatever else lies here would be published.',
        'npm pkg set files[]=dist',
      )
    : passes('files', listed.join(', '))
}

async function licence({ path, manifest: { license } }: PluginFolder): Promise<PluginFinding> {
  if (license === undefined || license === '' || license === 'UNLICENSED')
    return fails(
      'licence',
      'package.json names no licence: nobody may use it.',
      'npm pkg set license=MIT, and put its text into LICENSE.',
    )
  for (const file of ['LICENSE', 'LICENSE.md', 'LICENCE', 'LICENSE.txt'])
    if (await isFile(join(path, file))) return passes('licence', `${license}, ${file}`)
  return fails(
    'licence',
    `package.json names ${license}, and there is no LICENSE with its text.`,
    'write it: https://choosealicense.com',
  )
}

async function readme({ path, manifest }: PluginFolder): Promise<PluginFinding> {
  const text = await readFile(join(path, 'README.md'), 'utf8').catch(() => undefined)
  if (text === undefined)
    return fails('readme', 'there is no README.md.', 'say in a sentence what it does, how it is installed and called.')
  const lacking = [
    ...(new RegExp(`npm i(nstall)? .*${manifest.name}`).test(text)
      ? []
      : [`how it is installed (npm install --save-dev ${manifest.name})`]),
    ...(/```/.test(text) ? [] : ['an example of its use, as a block of code']),
  ]
  if (lacking.length > 0)
    return fails('readme', `README.md lacks ${lacking.join(', and ')}.`, 'add it: users read the first screen.')
  return passes('readme', 'README.md says how it is installed and used')
}
