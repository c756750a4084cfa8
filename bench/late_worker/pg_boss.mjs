// The late worker on pg-boss: node pg_boss.mjs DATABASE_URL. Prints one JSON object.
import { readFileSync } from 'node:fs'
import { PgBoss } from 'pg-boss'

const version = JSON.parse(readFileSync('node_modules/pg-boss/package.json')).version
const boss = new PgBoss({ connectionString: process.argv[2], supervise: false, schedule: false, monitorIntervalSeconds: 1 })
boss.on('error', (error) => { throw error })
await boss.start()
await boss.createQueue('index', { expireInSeconds: 1, retryLimit: 2, retryDelay: 0 })

// Two workers: the first lets its job expire and the second gets it. Then the first is late.
async function late (named) {
  const id = await boss.send('index', {})
  const [first] = await boss.fetch('index', { includeMetadata: true })
  let second
  while (!second) {
    await boss.supervise('index')
    ;[second] = await boss.fetch('index', { includeMetadata: true })
  }
  const who = (job) => named ? { id, retryCount: job.retryCount } : id
  const given = { first: first.retryCount, second: second.retryCount }
  const lateAnswer = await boss.complete('index', who(first), { by: 'first' })
  const ownerAnswer = await boss.complete('index', who(second), { by: 'second' })
  const job = (await boss.findJobs('index', { id }))[0]
  return { given, late: lateAnswer.affected, owner: ownerAnswer.affected, state: job.state, result: job.output.by }
}

console.log(JSON.stringify({ version, by_id: await late(false), by_attempt: await late(true) }))
await boss.stop({ graceful: false })
