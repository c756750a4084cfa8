// Calls pg-boss for a test: node driver.mjs DATABASE_URL. Each line of stdin is a JSON array of a
// method and its arguments, each line of stdout its result.
import { createInterface } from 'node:readline'
import { PgBoss } from 'pg-boss'

const boss = new PgBoss({ connectionString: process.argv[2], supervise: false, schedule: false, monitorIntervalSeconds: 1 })
boss.on('error', (error) => console.error(error.message))
await boss.start()
console.log('"ready"')
for await (const line of createInterface({ input: process.stdin })) {
  const [method, ...args] = JSON.parse(line)
  console.log(JSON.stringify((await boss[method](...args)) ?? null))
}
await boss.stop({ graceful: false })
