// The table of options, for programs around the command line: the action makes its inputs of it.

export { flagsOf, helpOf, hyphened, type Option, optionsOf, withChoices } from './options.js'
export { type OptionValues, overridesOf, ownOf } from './overrides.js'
export { markdown, withTables } from './tables.js'
export { type Expectation, type Meaning, numberOf, readText } from './text.js'
