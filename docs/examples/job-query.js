// The options of TanStack Query for a job: it is asked after until it has ended.

import { getJob, isFinal } from "./jobs.js";

export function jobQuery(supabase, jobId) {
  return {
    queryKey: ["index-job", jobId],
    queryFn: ({ signal }) => getJob(supabase, jobId, signal),
    refetchInterval: ({ state }) => (isFinal(state.data) || state.error ? false : 1_000),
    retry: (_, error) => error.isPassing, // an outage is waited out, a refusal is not
    retryDelay: (count) => Math.min(1_000 * 2 ** count, 30_000),
  };
}
