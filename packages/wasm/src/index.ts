export { type Code, signed, unsigned } from './encoding.js'
export * from './instructions.js'
export { type Definition, define, type Local, moduleOf, type Type, type Writer } from './module.js'
