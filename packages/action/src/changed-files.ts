import type { RunResults } from '@pare/report'

/** What no run reads, unless it is named: texts for people, pictures, and code in languages that are not run. */
const UNREAD =
  /(^|\/)(LICEN[CS]E|NOTICE|CODEOWNERS|\.gitignore|\.editorconfig)$|\.(md|mdx|rst|adoc|png|jpe?g|gif|svg|webp|ico|py|pyi|ipynb|rs|go|java|kt|swift|c|h|cc|cpp|hpp|cs|rb|php|css|scss|html)$/i

/**
 * Whether changes to these files may change what a run gives. Models, data, configs, lockfiles, plugins and workflows all may, and so may what is not
 * known: only where each file is one that no run reads, the results are those of the base branch. `files` are paths from the root of the repository.
 */
export function mayChange(files: readonly string[], { models }: RunResults): boolean {
  const paths = models.flatMap(({ path, data, calibration, training }) =>
    [path, data?.path, calibration?.path, training?.path].filter((one) => one !== undefined),
  )
  return files.some((file) => !UNREAD.test(file) || paths.some((path) => isAt(file, path)))
}

/** Whether the file is the path, or below it. Their beginnings may differ: the repository need not be the folder that paths start from. */
function isAt(file: string, path: string): boolean {
  const [one, other] = [`/${file}`, `/${path.replaceAll('\\', '/')}`]
  return one.endsWith(other) || other.endsWith(one) || one.includes(`${other}/`)
}
