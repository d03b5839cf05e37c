export { testBackend } from './backend.js'
export { type CriterionTestOptions, testCriterion } from './criterion.js'
export { testStructure } from './structure.js'
export { tinyModels } from './tiny-models.js'
