import { join, resolve } from 'node:path'
import { parseJson, readRegular, systemCode, writeWhole } from '@pare/onnx'
import { type RunResults, renderHtml, renderSummary, runResults } from '@pare/report'
import { makeFolder } from '../files/make-folder.js'
import { type OptionValues, ownOf } from '../options/overrides.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { usage } from '../terminal/failure.js'
import { renderResults } from '../views/results.js'

/** `pare report RESULTS`: shows the results of a run again, and writes its report and its summary anew where that is wanted. Always ends with 0: the verdict is the run's. */
export async function report(context: Context, [file = '']: readonly string[], values: OptionValues): Promise<number> {
  const { io } = context
  const { out } = ownOf('report', values)
  const results = await readResults(resolve(io.cwd, file), file)
  const files = out === undefined ? undefined : await write(results, resolve(io.cwd, out))
  answer(context, results)
  say(context, results, (shown) => renderResults(shown, files, context))
  return EXIT.pass
}

async function write(results: RunResults, folder: string): Promise<{ readonly report: string; readonly summary: string }> {
  const files = { report: join(folder, 'report.html'), summary: join(folder, 'summary.md') }
  await makeFolder(folder)
  await writeWhole(files.report, renderHtml(results))
  await writeWhole(files.summary, renderSummary(results))
  return files
}

async function readResults(path: string, shown: string): Promise<RunResults> {
  const bytes = await readRegular(path, { what: 'results of a run' }).catch((cause: unknown) => {
    if (systemCode(cause) === undefined) throw cause
    throw usage(
      `pare report: ${shown} cannot be read (${systemCode(cause)}).`,
      'name the results.json of a run, such as pare-out/results.json',
      cause,
    )
  })
  const wrong = (message: string) =>
    usage(`pare report: ${shown} holds no results of pare run: ${message}.`, 'name the results.json that pare run wrote')
  const document = documentOf(bytes, wrong)
  const parsed = runResults.safeParse(document)
  // As it is: a later version may have written fields that this one does not know.
  if (parsed.success) return document as RunResults
  const [issue] = parsed.error.issues
  throw wrong(`${issue!.path.join('.') || 'the whole'}: ${issue!.message}`)
}

function documentOf(bytes: Uint8Array, wrong: (message: string) => Error): unknown {
  try {
    return parseJson(new TextDecoder().decode(bytes))
  } catch (error) {
    throw wrong((error as Error).message)
  }
}
