#!/usr/bin/env node
// Stands here and not in dist, so that npm links the command before anything is built.
import { main } from '../dist/main.js'

process.exitCode = await main(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  cwd: process.cwd(),
  env: process.env,
  year: new Date().getFullYear(),
})
