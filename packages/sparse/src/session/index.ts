// What sessions on other devices share with those on the CPU: `@pare/sparse/sessions`.

export { type Effort, inTurn, OF_SESSION, pays } from './measure.js'
export { type CreateSession, createDense, sessionSettings, sessionsOf } from './ort-sessions.js'
export { inferValues } from './values-between.js'
