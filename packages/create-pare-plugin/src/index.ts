export { KINDS, type PluginTemplate, TEMPLATE_NAMES, type TemplateName } from './kinds.js'
export { type NewPlugin, pluginNamed } from './new-plugin.js'
export { filesOf, writePlugin } from './scaffold.js'
