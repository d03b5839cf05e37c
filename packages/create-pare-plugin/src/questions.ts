import * as prompts from '@clack/prompts'
import { KINDS, TEMPLATE_NAMES, type TemplateName } from './kinds.js'
import { pluginNamed } from './new-plugin.js'

/** Asks on the terminal for what the command did not say. Undefined: it was broken off. */
export async function ask({
  name,
  kind,
}: {
  readonly name: string | undefined
  readonly kind: TemplateName | undefined
}): Promise<{ readonly name: string; readonly kind: TemplateName } | undefined> {
  const chosen = kind ?? (await askKind())
  if (typeof chosen === 'symbol') return undefined
  const typed = name ?? (await askName(chosen))
  return typeof typed === 'symbol' ? undefined : { name: typed, kind: chosen }
}

async function askKind(): Promise<TemplateName | symbol> {
  const options = TEMPLATE_NAMES.map((value) => ({ value, label: value, hint: KINDS[value].what }))
  return prompts.select<TemplateName>({ message: 'What does the plugin do?', options })
}

async function askName(kind: TemplateName): Promise<string | symbol> {
  return prompts.text({
    message: 'What is it called?',
    placeholder: 'word-order',
    validate: (value) => {
      try {
        pluginNamed(value ?? '', kind)
        return undefined
      } catch (error) {
        return (error as Error).message
      }
    },
  })
}
