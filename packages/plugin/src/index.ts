export { definePlugin, type OptionsOf, type PluginDefinition, type PluginFactory } from './define.js'
export { describeOptions, type OptionDescription } from './describe.js'
export { z }

import { z } from 'zod'
