// Options for TanStack Query that poll a job until it has ended.

import { getJob, isFinal } from "./jobs.js";

export function jobQuery(source, jobId) {
  return {
    queryKey: ["index-job", jobId],
    queryFn: ({ signal }) => getJob(source, jobId, signal),
    refetchInterval: ({ state }) =>
      isFinal(state.data) || state.error ? false : pace(state.data),
    retry: (_, error) => error.isPassing, // an outage is waited out, a refusal is not
    retryDelay: (count) => Math.min(1_000 * 2 ** count, 30_000),
  };
}

/** A tenth of the time that the job has waited, or run: milliseconds, from a second to ten. */
function pace(job) {
  const since = Date.parse(job?.started_at ?? job?.created_at ?? "");
  return Math.min(Math.max((Date.now() - since) / 10 || 0, 1_000), 10_000);
}
