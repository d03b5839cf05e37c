export { type ModelResult, modelResult, type RunResults, runResults } from './results.js'
