import * as core from '@actions/core'
import { guarded, visible, visibleMessage } from '@pare/cli'
import type { FilePlace } from './failure.js'

/** A line of the log, whatever names of others it holds: the runner obeys lines that look like its commands. */
export function info(text: string): void {
  core.info(guarded(visible(text)))
}

/** An annotation. `core` encodes its line breaks; what a terminal obeys is written out. */
export function warning(message: string, title = 'Pare', at?: FilePlace): void {
  core.warning(annotated(message), { title: visible(title), ...propertiesOf(at) })
}

export function error(message: string, title = 'Pare', at?: FilePlace): void {
  core.error(annotated(message), { title: visible(title), ...propertiesOf(at) })
}

/** GitHub shows an annotation at its line among the changes of a pull request. */
function propertiesOf(at: FilePlace | undefined): core.AnnotationProperties {
  return at === undefined ? {} : { file: visible(at.file), startLine: at.line, startColumn: at.column }
}

/** The log shows an annotation's lines as they are. Each of ours has something before it. */
function annotated(message: string): string {
  return visibleMessage(message.replace(/\n(?=hint: )/g, '\n  '))
}
