// Jobs done in the process of the tests, for tests of what is computed: a process for each takes several times as long as most of them. That jobs run
// in processes is held by the tests of those and of evaluate().
import { doJob } from './jobs.js'
import * as children from './measure/evaluate.js'

const options = { work: doJob }

export const evaluate = (request: Parameters<typeof children.evaluate>[0]) => children.evaluate(request, options)
export const lookAtData = (request: Parameters<typeof children.lookAtData>[0]) => children.lookAtData(request, options)
export const compareModels = (request: Parameters<typeof children.compareModels>[0]) => children.compareModels(request, options)
