import type { CompletionOffer, OfferedCommand, OfferedOption } from './offered.js'

/** Shells that `pare completion` knows. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** A completion script: it holds all that it offers, and starts nothing while somebody types. */
export function completionScript(shell: Shell, commands: readonly OfferedCommand[]): string {
  switch (shell) {
    case 'bash':
      return bash(commands)
    case 'zsh':
      return zsh(commands)
    case 'fish':
      return fish(commands)
    default:
      return shell satisfies never
  }
}

/** For bash from 3.2 on, which macOS has: without mapfile, and compopt only where it is. */
function bash(commands: readonly OfferedCommand[]): string {
  const offer = (candidates: CompletionOffer) => {
    if (candidates === 'nothing') return ':'
    if (candidates === 'file') return '_pare_files -f'
    if (candidates === 'folder') return '_pare_files -d'
    return `_pare_words ${quoted(candidates.join('\n'))}`
  }
  return `# pare completion for bash: source <(pare completion bash)
_pare_words() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$1" -- "$current"))
}
_pare_files() {
  local IFS=$'\\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen "$1" -- "$current"))
}
_pare() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command='' i
  COMPREPLY=()
  # --scope=row is three words to bash.
  if [[ $current == = ]]; then current=''
  elif [[ $before == = ]]; then before=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ \${COMP_WORDS[i]} != -* ]]; then command=\${COMP_WORDS[i]}; break; fi
  done
  case "$command $before" in
${valueCases(commands, offer)}
  esac
  if [[ $current == -* ]]; then
    case "$command" in
${commands.map(({ name, options }) => `      ${name}) ${offer(options.flatMap(flags))} ;;`).join('\n')}
      *) ${offer(['--help', '--version'])} ;;
    esac
    return
  fi
  case "$command" in
    '') ${offer(commands.map(({ name }) => name))} ;;
${commands.map(({ name, words }) => `    ${name}) ${offer(words)} ;;`).join('\n')}
  esac
}
complete -F _pare pare
`
}

function zsh(commands: readonly OfferedCommand[]): string {
  const offer = (candidates: CompletionOffer) => {
    if (candidates === 'nothing') return ':'
    if (candidates === 'file') return '_files'
    if (candidates === 'folder') return '_files -/'
    return `compadd -- ${candidates.map(quoted).join(' ')}`
  }
  const described = (entries: readonly (readonly [word: string, help: string])[]) =>
    `offered=(${entries.map(([word, help]) => quoted(`${word.replaceAll(':', '\\:')}:${help}`)).join(' ')})`
  return `#compdef pare
# pare completion for zsh: source <(pare completion zsh), behind compinit; or as the file _pare in a folder of $fpath
_pare() {
  local command='' before=\${words[CURRENT-1]} i
  local -a offered
  for ((i = 2; i < CURRENT; i++)); do
    if [[ \${words[i]} != -* ]]; then command=\${words[i]}; break; fi
  done
  # --scope=row is one word to zsh: what stands behind = is completed.
  if [[ \${words[CURRENT]} == --*=* ]]; then before=\${words[CURRENT]%%=*}; compset -P '*='; fi
  case "$command $before" in
${valueCases(commands, offer)}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then
    case "$command" in
${commands.map(({ name, options }) => `      ${name}) ${described(options.flatMap((one) => flags(one).map((flag) => [flag, one.help] as const)))} ;;`).join('\n')}
      *) ${described([
        ['--help', 'print this help'],
        ['--version', 'print the version'],
      ])} ;;
    esac
    _describe option offered
    return
  fi
  case "$command" in
    '') ${described(commands.map(({ name, help }) => [name, help]))}; _describe command offered ;;
${commands.map(({ name, words }) => `    ${name}) ${offer(words)} ;;`).join('\n')}
  esac
}
# A file in a folder of $fpath is called, not sourced.
if [[ $funcstack[1] == _pare ]]; then _pare "$@"; else compdef _pare pare; fi
`
}

function fish(commands: readonly OfferedCommand[]): string {
  const when = (name: string) => `-n '__fish_seen_subcommand_from ${name}'`
  const value = (candidates: CompletionOffer | undefined) => {
    if (candidates === undefined) return ''
    if (candidates === 'file') return ' -r -F'
    if (candidates === 'folder') return " -x -a '(__fish_complete_directories)'"
    return candidates === 'nothing' ? ' -x' : ` -x -a ${fishQuoted(candidates.join(' '))}`
  }
  const option = (name: string, { long, short, help, value: candidates }: OfferedOption) => {
    const letter = short === undefined ? '' : ` -s ${short.slice(1)}`
    return `complete -c pare ${when(name)} -l ${long.slice(2)}${letter}${value(candidates)} -d ${fishQuoted(help)}`
  }
  const words = ({ name, words }: OfferedCommand) => {
    if (words === 'file') return [`complete -c pare ${when(name)} -F`]
    return words === 'nothing' || words === 'folder' ? [] : [`complete -c pare ${when(name)} -a ${fishQuoted(words.join(' '))}`]
  }
  return [
    '# pare completion for fish: pare completion fish > ~/.config/fish/completions/pare.fish',
    'complete -c pare -f',
    ...commands.map(({ name, help }) => `complete -c pare -n __fish_use_subcommand -a ${name} -d ${fishQuoted(help)}`),
    ...commands.flatMap((command) => [...words(command), ...command.options.map((one) => option(command.name, one))]),
    '',
  ].join('\n')
}

/** For bash and zsh: what an option of a command takes, by '<command> <option>'; then nothing else is offered. */
function valueCases(commands: readonly OfferedCommand[], offer: (candidates: CompletionOffer) => string): string {
  const lines = new Map<string, string[]>()
  for (const { name, options } of commands)
    for (const option of options) {
      if (option.value === undefined) continue
      const action = offer(option.value)
      lines.set(action, [...(lines.get(action) ?? []), ...flags(option).map((flag) => quoted(`${name} ${flag}`))])
    }
  return [...lines].map(([action, places]) => `    ${places.join('|')}) ${action}; return ;;`).join('\n')
}

function flags({ long, short }: OfferedOption): readonly string[] {
  return short === undefined ? [long] : [long, short]
}

/** One word of bash and zsh, whatever is in it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** One word of fish: within quotes it knows \\ and \'. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
