// npm run demo: install, build, and run the main job on a trained model as the action would: prune, measure, gate, report.
import { run, setup } from './setup.mjs'

setup()
run('npx', ['turbo', 'run', 'build', '--output-logs=errors-only'])
run('npx', ['--no', '--', 'pare', 'run', '--config', 'examples/gate/pare.config.json', '--out', 'pare-out/demo'])
