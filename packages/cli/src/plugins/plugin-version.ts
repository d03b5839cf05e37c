import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** 'pare-criterion-near 1.0.0': a package with the version that its package.json says, or the package alone. */
export async function versioned(packageName: string, file: string): Promise<string> {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined)
    if (text === undefined) continue
    const { name, version } = fieldsOf(text)
    if (name === packageName && version !== undefined) return `${name} ${version}`
  }
  return packageName
}

function fieldsOf(text: string): { readonly name?: unknown; readonly version?: string } {
  try {
    const { name, version } = JSON.parse(text) as { name?: unknown; version?: unknown }
    return { name, ...(typeof version === 'string' && { version }) }
  } catch {
    return {}
  }
}
