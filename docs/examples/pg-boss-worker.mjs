// A worker for pg-boss that indexes each job with index-jobs.
//
//   npm install pg-boss@12
//   WORKER_DATABASE_URL=postgresql://… node docs/examples/pg-boss-worker.mjs
//
// The database must have pg-boss's schema and the bridge, and `index-jobs` must be on PATH: see
// docs/queues.md.
// Runs SLOTS jobs at once (default 2), at most half of them for one tenant.
import { execFile } from 'node:child_process'
import { PgBoss } from 'pg-boss'

const slots = Number(process.env.SLOTS ?? 2)
const boss = new PgBoss({
  connectionString: process.env.WORKER_DATABASE_URL, migrate: false, createSchema: false
})
boss.on('error', (error) => console.error(error.message))

// Returns when the job has ended, whatever its status; throws if the queue should run it again.
function index (job) {
  const args = ['work', '--job', job.data.indexJobId, '--queue-job', job.id, '--queue-attempt', job.retryCount]
  return new Promise((resolve, reject) => {
    execFile('index-jobs', args.map(String), { signal: job.signal, killSignal: 'SIGTERM' }, (error, stdout, stderr) => {
      if (!error) return resolve(JSON.parse(stdout))
      const said = stdout ? JSON.parse(stdout).error : undefined
      if (!said) console.error(stderr)
      reject(new Error(said ?? 'The worker stopped unexpectedly.'))
    })
  })
}

await boss.start()
await boss.work('index_jobs', {
  localConcurrency: slots,
  groupConcurrency: Math.max(1, Math.floor(slots / 2)),
  pollingIntervalSeconds: 1
}, async ([job]) => { await index(job) })
console.log(`runs ${slots} jobs at once`)

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, async () => {
    await boss.stop({ graceful: true, timeout: 30_000 })
    process.exit()
  })
}
