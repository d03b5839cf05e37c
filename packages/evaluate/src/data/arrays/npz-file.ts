// Reading and writing .npz files, without anything else of this package.
export { parseNpz } from './npz.js'
export { npzBytes, type PieceArray } from './write-npz.js'
