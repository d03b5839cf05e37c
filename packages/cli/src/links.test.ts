import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from './testing/clone.js'

it('every link from one document to another file leads somewhere', async () => {
  const packages = await readdir(join(ROOT, 'packages'))
  const docs = (await readdir(join(ROOT, 'docs'), { recursive: true })).filter((file) => file.endsWith('.md'))
  const documents = [
    ...['README.md', 'CHANGELOG.md', 'bench/README.md', 'test-models/README.md'],
    ...docs.map((file) => join('docs', file)),
    ...packages.map((name) => join('packages', name, 'README.md')),
  ]
  const links: string[] = []
  const broken: string[] = []
  for (const document of documents) {
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
