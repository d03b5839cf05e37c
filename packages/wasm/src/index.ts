export type { Code } from './encoding.js'
export * from './instructions.js'
export { type Definition, define, type Local, moduleOf, type Type, type Writer } from './module.js'
