import type { PluginKind } from '../plugins/plugin-reference.js'

/** What `pare explain` knows of a word: an exit code, a word of the glossary, an option, a command or a plugin. */
export interface Topic {
  readonly kind: 'exit code' | 'word' | 'option' | 'command' | PluginKind
  /** '3', 'sparsity', '--max-drop <drop>', 'pare run', 'criterion alps' */
  readonly title: string
  readonly text: string
  /** What to do, or where to go on, a sentence each. */
  readonly advice: readonly string[]
}
