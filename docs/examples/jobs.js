// Create an index job and follow it. No framework, no build; for pages, workers, Node and edge
// functions. A source is a client of supabase-js, or {url, token} of the HTTP API.

import * as byHttp from "./by-http.js";
import * as bySupabase from "./by-supabase.js";

export { isFinal } from "./final.js";
export { JobError } from "./job-error.js";

const ways = (source) => (typeof source.rpc === "function" ? bySupabase : byHttp);

/** @returns the new job, which is pending. The same idempotency key gives the same job again. */
export const createJob = (source, wanted) => ways(source).createJob(source, wanted);

/** @returns the job as it is now. It is a GET: it may be repeated, and changes nothing. */
export const getJob = (source, jobId, signal) => ways(source).getJob(source, jobId, signal);

/**
 * The job each time that something about it is new, until it has ended: told by Broadcast or by a
 * stream, and where there is neither, or it breaks, found by polling. An outage is waited out;
 * `onTrouble` is told of it. A hidden page does not ask. `signal` ends it.
 */
export function followJob(source, jobId, { signal, onTrouble = () => {} } = {}) {
  signal ??= new AbortController().signal;
  return ways(source).followJob(source, jobId, { signal, onTrouble });
}
