import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from './testing/clone.js'
import { fixture, TEST_MODELS } from './testing/folder.js'
import { pare } from './testing/terminal.js'

interface SitePage {
  readonly file: string
  readonly address: string
  readonly title: string
  readonly markdown: string
}
interface MenuGroup {
  readonly text: string
  readonly items: readonly { readonly address: string }[]
}

/** The script that makes the pages of npm run site. */
const site = (await import(new URL('../../../site/pages.mjs', import.meta.url).href)) as {
  pagesOf: (root: string) => { readonly pages: readonly SitePage[]; readonly images: readonly string[] }
  groupsOf: (pages: readonly SitePage[]) => readonly MenuGroup[]
  llmsText: (pages: readonly SitePage[], groups: readonly MenuGroup[], origin: string) => string
  slugOf: (heading: string) => string
}

/** What runs the commands of docs/gallery.md when the site is built. */
const gallery = (await import(new URL('../../../site/gallery.mjs', import.meta.url).href)) as {
  commandsOf: (markdown: string) => readonly { readonly words: readonly string[]; readonly code: number; readonly name: string }[]
  withLinks: (markdown: string) => string
}
const GALLERY = readFileSync(join(ROOT, 'docs/gallery.md'), 'utf8')

describe('the gallery of reports', () => {
  const commands = gallery.commandsOf(GALLERY)

  it('shows a pass, a fail and a run without a verdict, each with a link to its report', () => {
    expect(commands.map(({ code, name }) => [code, name])).toEqual([
      [0, 'green'],
      [1, 'red'],
      [3, 'incomplete'],
    ])
    expect(GALLERY.match(/^npx pare /gm)).toHaveLength(3)
    const links = [...gallery.withLinks(GALLERY).matchAll(/```\n\n\[See the report\]\((\S+)\)\{target="_self"\}/g)]
    expect(links.map(([, href]) => href)).toEqual(['/gallery/green.html', '/gallery/red.html', '/gallery/incomplete.html'])
  })

  it.each(commands)('$name ends with $code, and writes a report', async ({ words, code, name }) => {
    await using folder = await fixture()
    symlinkSync(TEST_MODELS, join(folder.path, 'test-models'), 'junction')
    expect(await pare(words, { cwd: folder.path })).toMatchObject({ exitCode: code })
    expect(readFileSync(join(folder.path, name, 'report.html'), 'utf8')).toContain('</html>')
  })
})

/** A repository with these files and what every repository of the site has. */
function pagesOf(files: Readonly<Record<string, string>>): readonly SitePage[] {
  const root = `${mkdtempSync(join(tmpdir(), 'pare-site-'))}/`
  const usual = ['README.md', 'CHANGELOG.md', 'bench/README.md', 'test-models/README.md', 'docs/x.md', 'packages/a/README.md']
  try {
    for (const [name, text] of Object.entries({ ...Object.fromEntries(usual.map((name) => [name, '# T\n'])), ...files })) {
      mkdirSync(dirname(root + name), { recursive: true })
      writeFileSync(root + name, text)
    }
    return site.pagesOf(root).pages
  } finally {
    rmSync(root, { recursive: true })
  }
}

const markdownOf = (files: Readonly<Record<string, string>>, file: string) =>
  pagesOf(files).find((page) => page.file === file)?.markdown

describe('the documentation site', () => {
  // Throws where a link leads nowhere, anchors included.
  const { pages, images } = site.pagesOf(join(ROOT, '/'))
  const addresses = pages.map(({ address }) => address)

  it('has a page for every document and every package, each with an address of its own', () => {
    const packages = readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}`)
    expect(addresses).toEqual(expect.arrayContaining([...packages, 'index', 'tasks', 'support', 'language-support', 'recipes']))
    expect(addresses).toContain('decisions/001-layout')
    expect(new Set(addresses).size).toBe(addresses.length)
    expect(images).toEqual(['docs/images/report.png'])
  })

  it('has every page in its menu, once', () => {
    const items = site.groupsOf(pages).flatMap((group) => group.items.map(({ address }) => address))
    expect([...items].sort()).toEqual([...addresses].sort())
  })

  it('tells language models of every page, with its address and a sentence', () => {
    const text = site.llmsText(pages, site.groupsOf(pages), 'https://example.org/pare')
    const lines = text.split('\n').filter((line) => line.startsWith('- '))
    expect(lines).toHaveLength(pages.length)
    expect(lines).toContain('- [Glossary](https://example.org/pare/glossary): One word per thing; the code uses the bold word.')
    for (const line of lines) expect(line).toMatch(/^- \[.+\]\(https:\/\/example\.org\/pare\/[^)]*\): \S/)
  })

  it('asks no other machine: the search is made with the pages', () => {
    const config = readFileSync(join(ROOT, 'site/.vitepress/config.mjs'), 'utf8')
    expect(config).toContain("search: { provider: 'local' }")
    expect(config).toContain('ignoreDeadLinks: false')
    expect(config).not.toMatch(/algolia|<script|fonts\.g/)
  })
})

describe('links of pages', () => {
  const other = { 'docs/y.md': '# Y\n\n## Two words\n\n## Two words\n' }

  it.each([
    ['[y](y.md)', '[y](/y)'],
    ['[y](y.md#two-words-1)', '[y](/y#two-words-1)'],
    ['[home](../README.md)', '[home](/)'],
    ['[a](../packages/a)', '[a](/packages/a)'],
    ['[code](../packages/a/index.ts)', '[code](https://github.com/pare-dev/pare/blob/main/packages/a/index.ts)'],
    ['[folder](../examples/gate)', '[folder](https://github.com/pare-dev/pare/tree/main/examples/gate)'],
    ['[far](https://example.org/#a)', '[far](https://example.org/#a)'],
    ['`[y](gone.md)` {{ x }}', '`[y](gone.md)` &#123;&#123; x }}'],
    ['```md\n[y](gone.md)\n```', '```md\n[y](gone.md)\n```'],
  ])('%s becomes %s', (written, expected) => {
    const files = { ...other, 'packages/a/index.ts': '', 'examples/gate/x.txt': '', 'docs/x.md': `# T\n\n${written}\n` }
    expect(markdownOf(files, 'docs/x.md')).toBe(`# T\n\n${expected}\n`)
  })

  it.each([
    'gone.md',
    'y.md#three',
    '#nowhere',
    '../../outside.md',
    '../packages/a/gone.ts',
    'gone.png',
  ])('that lead nowhere are an error: %s', (target) => {
    expect(() => pagesOf({ ...other, 'docs/x.md': `# T\n\n[x](${target})\n` })).toThrow(`docs/x.md: ${target}`)
  })

  it.each([
    ['N:M, and `2:4`', 'nm-and-24'],
    ['What is measured?', 'what-is-measured'],
    ['Größe × 2', 'größe--2'],
  ])('name headings as GitHub does: %s', (heading, slug) => {
    expect(site.slugOf(heading)).toBe(slug)
  })
})
