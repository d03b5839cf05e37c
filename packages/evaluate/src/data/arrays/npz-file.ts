// Reading and writing .npz files, without anything else of this package.
export { parseNpz } from './npz.js'
export { type BoolArray, npzBytes } from './write-npz.js'
