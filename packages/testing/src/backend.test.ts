import { cpu, javascript, reference } from '@pare/core/backends'
import { testBackend } from './backend.js'

testBackend(cpu)
testBackend(javascript)
testBackend(reference)
