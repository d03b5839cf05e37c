import { cpu, reference } from '@pare/core'
import { testBackend } from './backend.js'

testBackend(cpu)
testBackend(reference)
