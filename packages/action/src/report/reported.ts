import { closeSync, constants, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderHtml, renderSummary, runResults } from '@pare/report'
import { ActionFailure, exitCodes, messageOf } from '../failure.js'
import type { ActionOutcome } from './outcome.js'

/** Results of a large run are some megabytes. */
const MOST_BYTES = 2 ** 26

/**
 * Results that another run measured, which may have been a stranger's: they are held against the schema, and all that is shown is rendered anew. Whatever they say, this step only
 * tells it. Throws a Failure where they are no results.
 */
export async function readReported(path: string, folder: string): Promise<ActionOutcome> {
  const refused = (why: string, cause?: unknown) =>
    new ActionFailure('untrusted', `action: 'results' names '${path}', and ${why}`, {
      hint: 'name the results.json of the artifact that the measuring run uploaded; actions/download-artifact with run-id fetches it',
      cause,
    })
  const results = runResults.safeParse(parse(readText(path, refused), refused))
  if (!results.success) {
    const [issue] = results.error.issues
    throw refused(`it does not hold the results of a run: ${issue?.path.join('.')}: ${issue?.message}`)
  }
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify(results.data, null, 2)}\n`)
  writeFileSync(join(folder, 'report.html'), renderHtml(results.data))
  writeFileSync(join(folder, 'summary.md'), renderSummary(results.data))
  return { kind: 'results', results: results.data, exitCode: exitCodes.pass, folder }
}

type Refused = (why: string, cause?: unknown) => ActionFailure

/** A regular file that is no link. */
function readText(path: string, refused: Refused): string {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    throw refused(`it cannot be opened: ${messageOf(error)}`, error)
  }
  try {
    const stat = fstatSync(file)
    if (!stat.isFile()) throw refused('it is no file')
    if (stat.size > MOST_BYTES) throw refused(`it has ${stat.size} bytes, more than ${MOST_BYTES}`)
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}

function parse(text: string, refused: Refused): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw refused('it is no JSON', error)
  }
}
