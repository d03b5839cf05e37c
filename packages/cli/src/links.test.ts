import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from './testing/clone.js'

/** Everything that is read as a document, by its path from the root. */
async function documents(): Promise<readonly string[]> {
  const packages = await readdir(join(ROOT, 'packages'))
  const docs = (await readdir(join(ROOT, 'docs'), { recursive: true })).filter((file) => file.endsWith('.md'))
  return [
    ...['README.md', 'CHANGELOG.md', 'bench/README.md', 'test-models/README.md'],
    ...docs.map((file) => join('docs', file)),
    ...packages.map((name) => join('packages', name, 'README.md')),
  ]
}

it('every link from one document to another file leads somewhere', async () => {
  const links: string[] = []
  const broken: string[] = []
  for (const document of await documents()) {
    const text = await readFile(join(ROOT, document), 'utf8')
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      links.push(target)
      if (!existsSync(join(ROOT, dirname(document), target))) broken.push(`${document}: ${target}`)
    }
  }
  expect(broken).toEqual([])
  expect(links.length).toBeGreaterThan(80)
})

it('every benchmark and script that a document names is there', async () => {
  const named: string[] = []
  const missing: string[] = []
  for (const document of await documents()) {
    const text = await readFile(join(ROOT, document), 'utf8')
    for (const [path] of text.matchAll(/\b(?:bench|scripts)\/[\w/-]+\.(?:mjs|py)\b/g)) {
      named.push(path)
      if (!existsSync(join(ROOT, path))) missing.push(`${document}: ${path}`)
    }
  }
  expect(missing).toEqual([])
  expect(named.length).toBeGreaterThan(50)
})

// A folder that git ignores is there where it was written, and in no clone.
it('what scripts and benchmarks import is there', async () => {
  const missing: string[] = []
  let count = 0
  for (const folder of ['bench', 'scripts', 'site', 'examples'])
    for (const file of await readdir(join(ROOT, folder), { recursive: true })) {
      if (!/\.m?[jt]s$/.test(file) || /node_modules|(^|\/)(out|dist)\//.test(file)) continue
      const text = await readFile(join(ROOT, folder, file), 'utf8')
      const paths = [
        ...text.matchAll(/(?:from|import)\(? ?'(\.{1,2}\/[^']+)'/g),
        ...text.matchAll(/'((?:bench|scripts)\/[\w/-]+\.mjs)'/g),
      ]
      for (const [, path = ''] of paths) {
        // What is built is not there before.
        if (path.includes('/dist/')) continue
        count++
        const at = path.startsWith('.') ? join(ROOT, folder, dirname(file), path) : join(ROOT, path)
        if (!existsSync(at)) missing.push(`${folder}/${file}: ${path}`)
      }
    }
  expect(missing).toEqual([])
  expect(count).toBeGreaterThan(60)
})
