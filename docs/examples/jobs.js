// Creates an index job and follows it. No framework, no build; for pages, workers, Node and edge
// functions. A source is a supabase-js client, or {url, token} for the HTTP API.

import * as byHttp from "./by-http.js";
import * as bySupabase from "./by-supabase.js";

export { isFinal } from "./final.js";
export { JobError } from "./job-error.js";

const ways = (source) => (typeof source.rpc === "function" ? bySupabase : byHttp);

/** @returns the new job, which is pending. The same idempotency key returns the same job. */
export const createJob = (source, wanted) => ways(source).createJob(source, wanted);

/** @returns the current job. This is a GET: it changes nothing and may be repeated. */
export const getJob = (source, jobId, signal) => ways(source).getJob(source, jobId, signal);

/**
 * Yields the job after each change, until it has ended. Learns of changes by Broadcast or by a stream,
 * or by polling if there is neither or it breaks. Waits out an outage and reports it to `onTrouble`.
 * Pauses while the page is hidden. `signal` ends it.
 */
export function followJob(source, jobId, { signal, onTrouble = () => {} } = {}) {
  signal ??= new AbortController().signal;
  return ways(source).followJob(source, jobId, { signal, onTrouble });
}
