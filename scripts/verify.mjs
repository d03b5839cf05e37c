// npm run verify: install, build, lint, check the direction of imports, run every test. What has not changed is taken from turbo's cache.
import { run, setup } from './setup.mjs'

setup()
run('npx', ['turbo', 'run', '//#lint', '//#imports', 'build', 'test', '--concurrency=2', '--output-logs=new-only'])
