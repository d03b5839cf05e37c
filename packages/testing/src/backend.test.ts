import { cpu, javascript, reference } from '@pare/core'
import { testBackend } from './backend.js'

testBackend(cpu)
testBackend(javascript)
testBackend(reference)
