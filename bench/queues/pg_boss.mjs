// Job life cycles on pg-boss: node pg_boss.mjs DATABASE_URL CLIENTS SECONDS ROWS.
// Prints one JSON object: the jobs per second that were sent, fetched and completed.
import { PgBoss } from 'pg-boss'

const [url, clients, seconds, rows] = [process.argv[2], ...process.argv.slice(3).map(Number)]
const boss = new PgBoss({ connectionString: url, max: clients, supervise: false, schedule: false })
boss.on('error', (error) => { throw error })
await boss.start()
await boss.createQueue('index', {})

const db = boss.getDb()
const { rows: [{ count }] } = await db.executeSql("select count(*)::int from pgboss.job where state = 'completed'")
if (count < rows) {
  await db.executeSql(`
    insert into pgboss.job (name, state, created_on, started_on, completed_on, keep_until)
    select 'index', 'completed', t.at, t.at, t.at, now() + interval '1 year'
    from generate_series(1, ${rows - count}) as n
    cross join lateral (select now() - n * interval '1 second') as t (at)`)
  await db.executeSql('vacuum analyze pgboss.job')
}

let done = 0
const end = Date.now() + seconds * 1000
async function live () {
  while (Date.now() < end) {
    await boss.send('index', { repository: 'bench/repository' })
    const [job] = await boss.fetch('index')
    if (!job) continue
    await boss.complete('index', job.id, { files_indexed: 120, symbols_extracted: 1234 })
    done += 1
  }
}
const begun = Date.now()
await Promise.all(Array.from({ length: clients }, live))
console.log(JSON.stringify({ rate: done / ((Date.now() - begun) / 1000) }))
await boss.stop({ graceful: false })
