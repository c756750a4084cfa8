// Workers of pg-boss for the tests, on DATABASE_URL: node worker.mjs plans | work.
//   plans  prints the SQL that creates pg-boss's schema.
//   work   processes the queue index_jobs and prints a line for each started attempt. The job's ref
//          decides its outcome: fail-N fails the first N, bad fails permanently, die kills this
//          process the first time, die-done after its rows are stored, late completes its first
//          attempt after the second has started, slow runs until it is cancelled.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { getConstructionPlans, PgBoss } from 'pg-boss'

if (process.argv[2] === 'plans') {
  console.log(getConstructionPlans('pgboss'))
  process.exit()
}

const worker = randomUUID()
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 4 })
const boss = new PgBoss({
  connectionString: process.env.DATABASE_URL, max: 4, migrate: false, createSchema: false,
  schedule: false, superviseIntervalSeconds: 1, maintenanceIntervalSeconds: 1, monitorIntervalSeconds: 1
})
boss.on('error', (error) => console.error(String(error.message)))

async function run ({ id, retryCount, data }) {
  const begun = await pool.query(
    `select j.attempt, j.ref from public.begin_queue_attempt(p_job_id => $1, p_queue_job_id => $2,
       p_queue_attempt => $3, p_worker_id => $4) as j`,
    [data.indexJobId, id, retryCount, worker])
  if (begun.rows.length === 0) return
  const [{ attempt, ref }] = begun.rows
  console.log(JSON.stringify({ job: data.indexJobId, attempt, ref, worker }))
  const [how, number] = ref.split('-')
  if (how === 'fail' && attempt <= Number(number)) throw new Error(`attempt ${attempt} failed`)
  if (ref === 'die' && attempt === 1) process.kill(process.pid, 'SIGKILL')
  if (how === 'bad') {
    await pool.query(
      'select from public.fail_job_attempt($1, $2, $3, false)', [data.indexJobId, attempt, 'There is no such ref.'])
    return
  }
  while (ref === 'late' && attempt === 1 && await newest(data.indexJobId) === 1) await sleep(100)
  while (how === 'slow') {
    const { rows: [said] } = await pool.query(
      'select cancel_requested from public.report_job_progress($1, $2)', [data.indexJobId, attempt])
    if (said.cancel_requested) {
      await pool.query(
        "select from public.update_job_status(p_job_id => $1, p_status => 'cancelled', p_attempt => $2)",
        [data.indexJobId, attempt])
      return
    }
    await sleep(50)
  }
  try {
    await complete(data.indexJobId, attempt)
  } catch (error) {
    console.log(JSON.stringify({ job: data.indexJobId, attempt, refused: error.detail }))
    throw error
  }
  if (ref === 'die-done') process.kill(process.pid, 'SIGKILL')
}

async function newest (job) {
  const { rows: [row] } = await pool.query('select attempt from public.index_jobs where id = $1', [job])
  return row.attempt
}

async function complete (job, attempt) {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query(
      "insert into private.incoming_files (file_no, path, language, bytes, blob_sha, symbol_count) values (1, 'a', null, 1, repeat('a', 40), 0)")
    await client.query(
      `select public.complete_index(p_job_id => $1, p_attempt => $2, p_worker_id => $3,
         p_extractor => 'test ' || $1::uuid, p_commit_sha => repeat('c', 40),
         p_stats => '{"files_indexed": 1, "symbols_extracted": 0}')`, [job, attempt, worker])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}

await boss.start()
await boss.work('index_jobs', { pollingIntervalSeconds: 0.5, localConcurrency: 2 }, async ([job]) => run(job))
console.log(JSON.stringify({ ready: worker }))
pool.on('error', (error) => console.error(String(error.message)))
process.on('SIGTERM', async () => {
  await boss.stop({ graceful: true, timeout: 3000 })
  process.exit()
})
