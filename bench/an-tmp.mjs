import { analyseUnits, applyPlan, makePlan } from '@pare/core'
import { editModel } from '@pare/onnx'
import * as A from '/work/main/bench/models/architectures.mjs'
import magnitude from '@pare/criterion-magnitude'
import channel from '@pare/structure-channel'
import expert from '@pare/structure-expert'
import neuron from '@pare/structure-neuron'
const [,, make, nodes, phase='analysis'] = process.argv
const S={deepResidual:channel(),deepTransformer:neuron(),deepMixture:expert()}[make]
const model = editModel(A[make](Number(nodes)),{})
const cpu=()=>{const u=process.cpuUsage();return (u.user+u.system)/1000}
let t=cpu(); const a=await analyseUnits(model); console.log(make,nodes,'analysis',Math.round(cpu()-t));
if(phase==='all'){t=cpu(); const p=await makePlan(model,[{structure:S,criterion:magnitude(),target:{ratio:0.5}}],{seed:1}); console.log('plan',Math.round(cpu()-t)); t=cpu(); await applyPlan(model,{seed:1,steps:p.steps}); console.log('apply',Math.round(cpu()-t))}
