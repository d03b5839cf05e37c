import { suggest } from '@pare/onnx/suggest'
import { offeredCommands } from '../completion/offered.js'
import { completionScript, SHELLS, type Shell } from '../completion/scripts.js'
import { TOPIC_NAMES } from '../explain/topics.js'
import { RECIPES } from '../recipes/recipes.js'
import { answer, type Context } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { usage } from '../terminal/failure.js'

/** `pare completion bash|zsh|fish`: a script for the shell, made of the table of options. */
export async function completion(context: Context, [shell = '']: readonly string[]): Promise<number> {
  if (!isShell(shell)) {
    const guess = suggest(shell, SHELLS)
    throw usage(
      `pare completion: there is no script for '${shell}'; expected one of ${SHELLS.join(', ')}.`,
      guess === undefined ? 'for example: source <(pare completion bash)' : `did you mean '${guess}'?`,
    )
  }
  const script = completionScript(shell, offeredCommands(WORDS))
  answer(context, { schemaVersion: 1, command: 'completion', shell, script })
  // It is a program, not a text for people: --quiet leaves it, and nothing in it is written out.
  if (!context.flags.json) context.io.stdout.write(script)
  return EXIT.pass
}

const WORDS = {
  completion: SHELLS,
  // A name of two words would be two words of the command line.
  explain: TOPIC_NAMES.filter((name) => !name.includes(' ')),
  plugin: ['check'],
  recipe: RECIPES.map(({ name }) => name),
}

function isShell(text: string): text is Shell {
  return (SHELLS as readonly string[]).includes(text)
}
